"""How the service is run in production."""
