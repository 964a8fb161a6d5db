"""Pins of base images: one file says tag and digest, and every Dockerfile and compose file agrees with it."""
