"""Build the images twice from clean and compare them: `dagger run python pipelines/reproduce.py`."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

try:
    from pipelines.dag.against import check_same, read_report
    from pipelines.dag.arguments import Options
    from pipelines.dag.commands import compare, normalise
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Plan, Step, planned
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
    from pipelines.dag.tree import facts_of
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

STEPS = tuple(
    Step(
        f"image-{name}",
        f"build {name} as it is and again with no step from the cache and other file times, and compare",
        inputs=("the sources",),
        commands=(normalise(), compare()),
        limit_s=2400,
    )
    for name in ("backend", "ops", "frontend")
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to compare with."""
    parser.add_argument(
        "--against",
        type=read_report,
        metavar="REPORT",
        help="the report.json of another run or of the release: its digests must be these too",
    )


def check(options: Options, _plan: Plan) -> None:
    """Refuse the report of another commit, whose digests are others. Raises RefusedJobError."""
    if options.more.against is not None:
        check_same(options.more.against, facts_of(Path.cwd()))


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.rebuild import rebuild_actions  # noqa: PLC0415  # the plan is shown without the SDK

    return rebuild_actions(session, session.options.more.against)


REPRODUCE = Job(
    "reproduce",
    "Build every image twice from clean, and name each file that differs.",
    lambda _options: planned("reproduce", STEPS),
    actions,
    arguments,
    check,
)

if __name__ == "__main__":
    main(REPRODUCE)
