"""Sessions and cached answers: the port, the Redis store, and one in memory."""
