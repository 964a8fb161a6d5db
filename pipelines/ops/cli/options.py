"""Options that mean the same in every command."""

from enum import StrEnum
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Go on without the safety point.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Point = Annotated[
    str, typer.Argument(help="`latest`, the first digits of an id, or a time such as 2026-11-23T21.")
]


class Source(StrEnum):
    """What can be saved and restored alone."""

    REDIS = "redis"
    FAISS = "faiss"


Only = Annotated[Source | None, typer.Option("--only", help="Leave the other source out.")]
