"""The alarm about backups: missing, old, unproven and impossible ones are never taken for good ones."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.ops.doctor.check import Subject
from pipelines.ops.freshness import Backup, State, freshness
from tests.ops.doctor.installation import publish, subject_of
from tests.ops.localstack.stacks import environment

NOW = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=26)
BIN = Path(sys.executable).parent


def taken(hours: float, *sources: str, proven: bool = True) -> Backup:
    """Return a backup that was taken so many hours ago."""
    return Backup(f"{hours}", NOW - timedelta(hours=hours), sources, proven)


def states(*backups: Backup) -> dict[str, tuple[str, str | None, int]]:
    """Return state, point and newer unproven ones of each source."""
    found = freshness(backups, ("redis", "faiss"), NOW, limit=DAY, ahead=timedelta(minutes=10))
    return {one.source: (one.state, one.newest.id if one.newest else None, one.unproven) for one in found}


def test_no_data_is_an_alarm() -> None:
    """No backup at all, or none of one source, is no good news."""
    assert states() == {"redis": ("none", None, 0), "faiss": ("none", None, 0)}
    assert states(taken(1, "redis"))["faiss"] == ("none", None, 0)


def test_the_limit_itself_is_still_fresh() -> None:
    """A backup is too old as soon as it is older than the limit, and not before."""
    assert states(taken(26, "redis", "faiss"))["redis"] == ("fresh", "26", 0)
    assert states(taken(26.001, "redis", "faiss"))["redis"] == ("old", "26.001", 0)


def test_an_unproven_backup_does_not_count() -> None:
    """The newest proven one decides, and what came after it is counted."""
    newer = [taken(hours, "redis", "faiss", proven=False) for hours in (1, 2)]
    assert states(*newer, taken(3, "redis", "faiss"))["redis"] == ("fresh", "3", 2)
    assert states(*newer, taken(40, "redis", "faiss"))["faiss"] == ("old", "40", 2)
    assert states(*newer)["redis"] == ("none", None, 2)


def test_each_source_has_its_own_backup() -> None:
    """A backup of one source does not make the other look young."""
    found = states(taken(1, "redis"), taken(30, "redis", "faiss"))
    assert found == {"redis": ("fresh", "1", 0), "faiss": ("old", "30", 0)}


def test_a_backup_from_the_future_says_that_a_clock_is_wrong() -> None:
    """A few minutes are what clocks differ by; more proves no age."""
    assert states(taken(-0.1, "redis", "faiss"))["redis"] == ("fresh", "-0.1", 0)
    assert states(taken(-1, "redis", "faiss"), taken(1, "redis", "faiss"))["redis"] == ("ahead", "-1", 0)


def test_no_more_is_read_than_needed() -> None:
    """A long history is not looked through once every source has its answer."""

    def history() -> Iterator[Backup]:
        yield taken(1, "redis", "faiss")
        raise AssertionError

    found = freshness(history(), ("redis", "faiss"), NOW, limit=DAY, ahead=timedelta())
    assert {one.state for one in found} == {State.FRESH}


def _check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [BIN / "synapse", "points", "check", "--json", *arguments],
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """Return an installation whose repository does not exist yet."""
    return subject_of(tmp_path)


def test_the_command_is_an_alarm(subject: Subject, tmp_path: Path) -> None:
    """Code 0 only for what is proven and young; the document says which source is not."""
    code, found = _check(tmp_path)
    assert (code, "error" in found) == (3, True)
    now = datetime.now(UTC)
    ref = publish(subject, now - timedelta(hours=3), good=True)
    publish(subject, now - timedelta(hours=1), good=False)
    publish(subject, now - timedelta(hours=2), good=None)
    publish(subject, now, good=True, label="import")
    publish(subject, now, good=True, label="safety")
    code, found = _check(tmp_path, "--only", "faiss")
    (faiss,) = found["sources"]
    assert (code, found["good"], faiss["state"], faiss["point"]) == (0, True, "fresh", ref.id)
    assert faiss["unproven_since"] == 2
    assert faiss["age_seconds"] == pytest.approx(3 * 3600, abs=120)
    code, found = _check(tmp_path)
    assert (code, found["good"]) == (1, False)
    assert "redis: no proven backup" in found["error"]["what"]
    assert _check(tmp_path, "--only", "faiss", "--max-age", "170min")[0] == 1


@pytest.mark.parametrize("age", ["", "26", "0h", "-1h", "1.5h", "h", "1w"])
def test_an_age_that_is_none_is_refused(subject: Subject, tmp_path: Path, age: str) -> None:
    """An alarm with a limit that nobody meant would never ring."""
    publish(subject, datetime.now(UTC), good=True)
    code, found = _check(tmp_path, f"--max-age={age}")
    assert (code, "90min" in found["error"]["hint"]) == (2, True)
