"""Redis and Valkey as operations see them: connections, the replication stream, scratch servers, digests."""
