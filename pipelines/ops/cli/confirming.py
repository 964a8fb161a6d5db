"""Ask a person whether to go on; where nobody can be asked, an option says so instead."""

import sys

import typer

from pipelines.ops.errors import UsageError


def confirmed(question: str, *, to: str = "this", remedy: str) -> bool:
    """Return what a person answers. Raises UsageError where there is no terminal: nobody agrees `to` it."""
    if not sys.stdin.isatty():
        raise UsageError(f"Nobody is there to agree to {to}.", remedy)
    return typer.confirm(question, default=False, err=True)
