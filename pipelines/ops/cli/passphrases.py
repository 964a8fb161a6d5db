"""How a passphrase is asked for: on a terminal, unseen; and what is said before one is chosen."""

import sys
from getpass import getpass

from pipelines.ops.errors import UsageError
from pipelines.ops.repository import Passphrase

FINAL = "Whoever loses the passphrase loses every restore point in it: nobody can bring them back."


def asked_passphrase(which: str = "the repository") -> Passphrase | None:
    """Ask for the passphrase of a repository; None when there is no terminal."""
    if not _somebody():
        return None
    return Passphrase(_asked(f"Passphrase of {which}: "))


def new_passphrase(given: Passphrase | None, variable: str) -> Passphrase:
    """Return a passphrase that is chosen now: the given one, or what is asked for twice.

    Raises UsageError when there is neither setting nor terminal, or when both answers differ.
    """
    if given is None:
        if not _somebody():
            raise UsageError(
                f"Which passphrase? {variable}_FILE is not set, and there is no terminal to ask on.",
                f"Set {variable}_FILE to a file with it.",
            )
        first = _asked("New passphrase: ")
        if _asked("The same again: ") != first:
            raise UsageError("These were two different passphrases.", "Run the command again.")
        return Passphrase(first)
    return given


def _somebody() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(prompt: str) -> str:
    # It opens the terminal itself, so that what is piped to stdout stays clean.
    return getpass(prompt)
