"""HTTP and websocket: routes and schemas. No FAISS, no Redis, no rules."""
