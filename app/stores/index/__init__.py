"""Documents and their passages: the port, the FAISS and SQLite store, and one in memory."""
