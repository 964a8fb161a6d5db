"""Redis is stored while the documents are captured: what that means for a backup that fails."""

from pathlib import Path
from threading import Event

import pytest

from pipelines.ops.backup import RedisCapture, take_backup
from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.cli.backup import faiss_capture, redis_capture
from pipelines.ops.errors import DamagedError, OpsError
from tests.installation import work_on
from tests.servers import LiveServer

_PATIENCE = 60


class _Settling:
    """A captured Redis that tells when it is about to be stored, and may fail then."""

    def __init__(self, captured: RedisCapture, begun: Event, error: Exception | None = None) -> None:
        self._captured = captured
        self._begun = begun
        self._error = error
        self.files = captured.files
        self.source = captured.source

    def settle(self) -> None:
        self._captured.settle()
        self._begun.set()
        if self._error:
            raise self._error


def test_documents_that_fail(live: LiveServer, tmp_path: Path) -> None:
    """The backup fails with their reason, Redis is not a point of its own, and the next backup is whole."""
    work = work_on(tmp_path, live)
    live.client().set("key", "value")
    begun = Event()

    def redis(spool: Path) -> RedisCapture:
        return _Settling(redis_capture(work, None)(spool), begun)

    def faiss(_spool: Path) -> CapturedFaiss:
        assert begun.wait(_PATIENCE)
        raise DamagedError("The documents are damaged.", "Use others.")

    with pytest.raises(DamagedError, match="The documents are damaged"):
        take_backup(work, redis=redis, faiss=faiss)
    assert list(work.repository.points()) == []
    report = take_backup(work, redis=redis_capture(work, None), faiss=faiss_capture(work, None))
    assert report.proof
    assert report.proof.good


def test_redis_that_fails_beside(live: LiveServer, tmp_path: Path) -> None:
    """Its failure is that of the backup, though the documents are captured well."""
    work = work_on(tmp_path, live)
    begun = Event()

    def redis(spool: Path) -> RedisCapture:
        return _Settling(redis_capture(work, None)(spool), begun, OpsError("No room.", "Make some."))

    def faiss(spool: Path) -> CapturedFaiss | None:
        assert begun.wait(_PATIENCE)
        return faiss_capture(work, None)(spool)

    with pytest.raises(OpsError, match="No room"):
        take_backup(work, redis=redis, faiss=faiss)
    assert list(work.repository.points()) == []
