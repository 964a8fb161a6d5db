"""Logs of the local stack: no errors in the last day."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.ops.doctor.check import Finding, Subject, amber, green, skipped
from pipelines.ops.localstack import LOGS

_TAIL_BYTES = 256_000
_SHOWN = 200
_RECENT = timedelta(hours=24)
_BAD_LEVELS = frozenset({"error", "critical"})
_REDIS_LINE = re.compile(r"\d+:\w+ (\d\d \w{3} \d{4} \d\d:\d\d:\d\d)\.\d+ # (.*)")
_REDIS_TIME = "%d %b %Y %H:%M:%S"
# Redis marks advice on the machine's set-up with the same sign as errors.
_REDIS_ERROR = re.compile(
    r"(?!WARNING ).*(error|fail|can't|cannot|could not|crash|bad file|oom|misconf|corrupt)", re.IGNORECASE
)
_TRACEBACK = "Traceback (most recent call last)"


def look_at_logs(subject: Subject) -> Iterator[Finding]:
    """Read the end of each log."""
    folder = subject.settings.service.data_dir / LOGS
    logs = sorted(folder.glob("*.log"))
    if not logs:
        yield skipped("logs", f"no logs in {folder}")
    for log in logs:
        yield judge_log(subject, log.name, _tail(log), f"Read {log} around that line.")


def judge_log(subject: Subject, name: str, lines: Iterable[str], remedy: str) -> Finding:
    """Look for errors of the last day among lines of the backend or of Redis."""
    since = subject.now() - _RECENT
    errors = [text for line in lines if (text := _error(line, since)) is not None]
    if not errors:
        return green(f"log {name}", "no errors in the last day")
    told = f"{len(errors)} errors in the last day, the last: {errors[-1][:_SHOWN]}"
    return amber(f"log {name}", told, remedy)


def _tail(log: Path) -> list[str]:
    with log.open("rb") as file:
        start = max(0, log.stat().st_size - _TAIL_BYTES)
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return lines[1:] if start else lines


def _error(line: str, since: datetime) -> str | None:
    """Return the text of a line that reports an error of late, else None."""
    if line.startswith("{"):
        return _of_backend(line, since)
    match = _REDIS_LINE.fullmatch(line)
    if match is not None:
        # The server writes the time of its machine.
        then = datetime.strptime(match[1], _REDIS_TIME).astimezone(UTC)
        return match[2] if _REDIS_ERROR.match(match[2]) and then >= since else None
    return line if line.startswith(_TRACEBACK) else None


def _of_backend(line: str, since: datetime) -> str | None:
    try:
        entry = json.loads(line)
        bad = entry["level"] in _BAD_LEVELS and datetime.fromisoformat(entry["timestamp"]) >= since
    except (ValueError, KeyError, TypeError):
        return None
    return str(entry.get("what") or entry.get("event")) if bad else None
