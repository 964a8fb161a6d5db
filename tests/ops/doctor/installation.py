"""What tests of the doctor share: subjects to examine, a check's lines by name, restore points."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pipelines.ops.doctor.check import Finding, State, Subject
from pipelines.ops.doctor.examination import examine
from pipelines.ops.doctor.standard import STANDARD
from pipelines.ops.model import FaissSource, Proof, RestorePoint
from pipelines.ops.repository import PointRef, Repository, store_at
from tests.ops.localstack.stacks import environment, settings_of

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)


def subject_of(folder: Path, now: datetime = NOON, **given: str) -> Subject:
    """Return an installation of which nothing is there yet, at noon."""
    return Subject(settings_of(environment(folder, **given)), now=lambda: now)


def look(name: str, subject: Subject) -> dict[str, Finding]:
    """Run the checks of that name and return their lines by name."""
    checks = [check for check in STANDARD if check.name == name]
    assert checks
    return {finding.name: finding for finding in examine(checks, subject)}


def says(finding: Finding, state: State, *parts: str) -> None:
    """Assert that a line has a state, and a reason or remedy with these parts."""
    assert finding.state is state, finding
    for part in parts:
        assert part in f"{finding.reason} / {finding.remedy}", finding


def publish(
    subject: Subject,
    started: datetime,
    *,
    good: bool | None,
    label: Literal["backup", "safety", "import"] = "backup",
) -> PointRef:
    """Put a restore point into the repository; `good` is the result of its proof, None for none."""
    repository = Repository.open_or_create(store_at(subject.settings.repository))
    stored = repository.store_files([("a.index", io.BytesIO(b"some bytes"))])
    point = RestorePoint(
        host="here",
        label=label,
        software={},
        started=started,
        finished=started,
        faiss=FaissSource(way="folder", files=stored.files),
    )
    ref = repository.publish(point)
    if good is not None:
        repository.add_proof(
            Proof(point=ref.id, level=3, good=good, started=started, seconds=1.0, software={})
        )
    return ref
