"""Clients of models: embedders and chat servers. Knows no store and no HTTP route."""
