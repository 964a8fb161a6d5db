"""Which restore point a job is about: how it is typed, and the step that finds it."""

import argparse

from pipelines.dag.commands import show
from pipelines.dag.plan import Step

CHOOSE = Step(
    "choose",
    "find the restore point that is meant",
    inputs=("the repository",),
    commands=(show("{point}"),),
)


def take_point(parser: argparse.ArgumentParser) -> None:
    """Add the point to what a job takes."""
    parser.add_argument(
        "point", nargs="?", default="latest", help="`latest`, an id or its beginning, or a time"
    )
