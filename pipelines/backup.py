"""Take a restore point and prove it in ephemeral containers: `dagger run python pipelines/backup.py`."""

import sys
from collections.abc import Mapping

try:
    from pipelines.dag.commands import backup, verify
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Step, planned
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

STEPS = (
    Step(
        "capture",
        "save Redis and the documents of one moment, where they are",
        inputs=("the running stack",),
        effects=("a new restore point in the repository",),
        commands=(backup(),),
        limit_s=6 * 3600,
    ),
    Step(
        "prove",
        "boot and query the point in an ephemeral container",
        ("capture",),
        inputs=("the repository",),
        effects=("the point's proof in the repository",),
        commands=(verify(),),
        limit_s=6 * 3600,
    ),
)


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.recovery import backup_actions  # noqa: PLC0415  # the plan is shown without the SDK

    return backup_actions(session)


BACKUP = Job(
    "backup",
    "Take a restore point of the running stack, and prove it in ephemeral containers.",
    lambda _options: planned("backup", STEPS),
    actions,
)

if __name__ == "__main__":
    main(BACKUP)
