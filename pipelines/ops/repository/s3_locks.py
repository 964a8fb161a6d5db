"""Object lock: what is written to S3 cannot be deleted by anybody, or hardly, until its days are over."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pipelines.ops.repository.place import Lock

_UNLOCKED = ("condemned/", "prunes/", "tmp/")
"""What prunes and probes leave for a while, and nothing is lost with."""


def locked(key: str) -> bool:
    """Tell whether a key is one that is worth a lock."""
    return not key.startswith(_UNLOCKED)


def on_put(lock: Lock | None, key: str, now: datetime) -> dict[str, Any]:
    """Return what a put says of the lock. A day more, so that of what is put daily nothing is extended."""
    if lock is None or not locked(key):
        return {}
    until = _until(lock, now) + timedelta(days=1)
    return {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": until}


def extended(lock: Lock, found: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return the retention that an object needs, given what HEAD says of it; None when it has enough.

    A mode that is stricter stays, for nobody may make it laxer.
    """
    until: datetime | None = found.get("ObjectLockRetainUntilDate")
    if until is not None and until >= _until(lock, now):
        return None
    strict: Literal["COMPLIANCE"] | None = (
        "COMPLIANCE" if found.get("ObjectLockMode") == "COMPLIANCE" else None
    )
    return {"Mode": strict or lock.mode, "RetainUntilDate": _until(lock, now) + timedelta(days=1)}


def _until(lock: Lock, now: datetime) -> datetime:
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(days=lock.days)
