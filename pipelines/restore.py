"""Rehearse a restore, then restore the running stack: `dagger run python pipelines/restore.py latest`."""

import argparse
import sys
from collections.abc import Mapping

try:
    from pipelines.dag.arguments import take_start_limit
    from pipelines.dag.choosing import CHOOSE, take_point
    from pipelines.dag.commands import SITE, restore, served
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Step, planned
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

STEPS = (
    CHOOSE,
    Step(
        "rehearse",
        "restore it into an empty stack of ephemeral containers",
        ("choose",),
        inputs=("the repository",),
        commands=(restore("{point}", safety=False), served("{point}", SITE)),
        limit_s=6 * 3600,
    ),
    Step(
        "restore",
        "restore it into the running stack, with a safety point of what is there",
        ("rehearse",),
        inputs=("the repository",),
        effects=("the data of the running stack", "a safety point in the repository"),
        commands=(restore("{point}"),),
        limit_s=6 * 3600,
    ),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the point, and how long the services of the rehearsal may take to start."""
    take_point(parser)
    take_start_limit(parser)


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.recovery import restore_actions  # noqa: PLC0415  # the plan is shown without the SDK

    return restore_actions(session, session.options.more.point)


RESTORE = Job(
    "restore",
    "Rehearse the restore of a point in ephemeral containers, then restore it into the running stack.",
    lambda _options: planned("restore", STEPS),
    actions,
    arguments,
)

if __name__ == "__main__":
    main(RESTORE)
