"""Passphrases for tests, whose keys cost a thousandth of what a real one does."""

from pipelines.ops.repository import Passphrase

PHRASE = "correct horse battery staple"
OTHER = "another phrase of ours"
CHEAP = 2**10


def cheap(text: str = PHRASE) -> Passphrase:
    """Return a passphrase that makes cheap repositories."""
    return Passphrase(text, n=CHEAP)


KINDS = [None, PHRASE]
"""How a repository of each kind is asked for: plain, and under a passphrase."""


def of_kind(kind: str | None) -> Passphrase | None:
    """Return the passphrase of a kind."""
    return cheap(kind) if kind else None
