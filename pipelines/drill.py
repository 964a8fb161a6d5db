"""The fire drill: prove and restore a point in a whole stack of ephemeral containers, and time it.

`dagger run python pipelines/drill.py`; nothing of the running stack is touched.
"""

import argparse
import sys
from collections.abc import Mapping

try:
    from pipelines.dag.arguments import seconds, take_start_limit
    from pipelines.dag.choosing import CHOOSE, take_point
    from pipelines.dag.commands import SITE, restore, served, verify
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Step, planned
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

STEPS = (
    CHOOSE,
    Step(
        "prove",
        "boot and query it in an ephemeral container",
        ("choose",),
        inputs=("the repository",),
        effects=("the point's proof in the repository",),
        commands=(verify(),),
        limit_s=6 * 3600,
    ),
    Step(
        "rehearse",
        "restore it into an empty stack, and say how long that took",
        ("choose",),
        inputs=("the repository",),
        commands=(restore("{point}", safety=False), served("{point}", SITE)),
        limit_s=6 * 3600,
    ),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the point, and how long services may take to start, and its restore to end."""
    take_point(parser)
    take_start_limit(parser)
    parser.add_argument(
        "--within", type=seconds, metavar="SECONDS", help="fail when the restore takes longer than this"
    )


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.recovery import drill_actions  # noqa: PLC0415  # the plan is shown without the SDK

    more = session.options.more
    return drill_actions(session, more.point, more.within)


DRILL = Job(
    "drill",
    "Prove a restore point and restore it into a whole stack of ephemeral containers, and time it.",
    lambda _options: planned("drill", STEPS),
    actions,
    arguments,
)

if __name__ == "__main__":
    main(DRILL)
