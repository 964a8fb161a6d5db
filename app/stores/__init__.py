"""Where documents, indexes, sessions and cached answers are kept: ports with real and in-memory parts."""
