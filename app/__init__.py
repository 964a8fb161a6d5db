"""The answer engine: documents in, questions answered with citations. Knows nothing of what operates it."""
