"""The use cases: ingest, search, answer, sessions, and which model server to ask."""
