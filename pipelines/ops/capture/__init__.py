"""Consistent reads of sources that are in use."""
