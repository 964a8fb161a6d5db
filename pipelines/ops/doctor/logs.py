"""Logs of the local stack: no errors in the last day."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_READY = "Ready to accept connections"
_DAMAGED = re.compile(r"append only file|AOF manifest|RDB preamble|rdb file reading", re.IGNORECASE)
_NGINX_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)")
_NGINX_TIME = "%Y/%m/%d %H:%M:%S"
_NGINX_BAD = frozenset({"error", "crit", "alert", "emerg"})
# What it says before it has a log: its configuration is wrong.
_NGINX_START = "nginx: [emerg] "
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
    """Look for errors of the last day among lines of the backend, Redis, nginx or the schedule."""
    since = subject.now() - _RECENT
    errors = [text for line in lines if (text := _error(line, since)) is not None]
    if not errors:
        return green(f"log {name}", "no errors in the last day")
    told = f"{len(errors)} errors in the last day, the last: {errors[-1][:_SHOWN]}"
    return amber(f"log {name}", told, remedy)


def damage(lines: Sequence[str]) -> str | None:
    """Return what Redis says, since it was last ready, of data on its disk that it cannot load."""
    for line in reversed(lines):
        if _READY in line:
            return None
        if (match := _REDIS_LINE.fullmatch(line)) is not None and _DAMAGED.search(match[2]):
            return match[2]
    return None


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
    if (match := _REDIS_LINE.fullmatch(line)) is not None:
        bad = _REDIS_ERROR.match(match[2]) and _at(match[1], _REDIS_TIME) >= since
        return match[2] if bad else None
    if (match := _NGINX_LINE.fullmatch(line)) is not None:
        bad = match[2] in _NGINX_BAD and _at(match[1], _NGINX_TIME) >= since
        return match[3] if bad else None
    return line if line.startswith((_TRACEBACK, _NGINX_START)) else None


def _at(written: str, form: str) -> datetime:
    """Return a time that a server wrote, which is that of its machine."""
    return datetime.strptime(written, form).astimezone(UTC)


def _of_backend(line: str, since: datetime) -> str | None:
    try:
        entry = json.loads(line)
        time = entry["time"] if _of_schedule(entry) else entry["timestamp"]
        bad = entry["level"] in _BAD_LEVELS and datetime.fromisoformat(time) >= since
    except (ValueError, KeyError, TypeError):
        return None
    if bad and _of_schedule(entry):
        told = (entry.get(name) for name in ("event", "job", "what", "reason", "why"))
        return ": ".join(str(one) for one in told if one)
    return str(entry.get("what") or entry.get("event")) if bad else None


def _of_schedule(entry: Mapping[str, object]) -> bool:
    """Say whether `synapse schedule` wrote it."""
    return "time" in entry and "timestamp" not in entry
