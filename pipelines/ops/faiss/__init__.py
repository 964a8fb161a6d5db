"""FAISS files are loaded in a child process, because a damaged one can crash or fill whoever loads it."""
