"""Proof: a restore point is good when it was booted and queried, and not before."""
