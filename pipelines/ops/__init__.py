"""Capture, repository, restore and proof in plain Python, behind the command `synapse`."""
