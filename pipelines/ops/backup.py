"""Take a restore point: cut Redis, then snapshot the documents, store both, publish, prove."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from pipelines.ops.beside import Check, beside
from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.context import Context, software
from pipelines.ops.errors import NothingError
from pipelines.ops.model import FaissSource, FileEntry, Proof, RedisSource, RestorePoint, format_of
from pipelines.ops.proof.proving import prove
from pipelines.ops.reporting import Timing
from pipelines.ops.repository import Figures, PointRef
from pipelines.ops.repository.preceding import matched
from pipelines.ops.restore.locking import capturing

_COMPARED = 4
"""So many earlier backups are read, at most, to find one of each source."""
Label = Literal["backup", "safety", "import"]


class RedisCapture(Protocol):
    """A captured Redis: its files by name, and its description once they are stored."""

    def settle(self) -> None:
        """Do to the files what need not be done while others wait for the capture; before they are stored."""

    @property
    def files(self) -> Sequence[tuple[str, Path]]:
        """The files of one multi-part AOF."""

    def source(self, files: tuple[FileEntry, ...]) -> RedisSource:
        """Describe it for the manifest."""


CaptureRedis = Callable[[Path], RedisCapture]
"""Captures into a spool folder and cuts."""
CaptureFaiss = Callable[[Path], CapturedFaiss | None]
"""Captures into a spool folder; None when there is nothing to save."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup made: the point, its manifest, what storing took, its proof, the time of each step."""

    ref: PointRef
    point: RestorePoint
    figures: Figures
    proof: Proof | None
    timings: tuple[Timing, ...]


def take_backup(
    work: Context,
    *,
    redis: CaptureRedis | None,
    faiss: CaptureFaiss | None,
    label: Label = "backup",
    proven: bool = True,
) -> BackupReport:
    """Capture the given sources into one restore point, and prove it unless told not to.

    Redis is cut first and the documents are snapshotted after, so that no Redis entry of the point names a
    document that is missing from it; meanwhile Redis is stored. Nothing is visible in the repository before
    everything is stored.
    """
    started = work.now()
    with work.spool("backup") as spool, ExitStack() as storing:
        with capturing(work.data_dir):
            cut = redis(spool / "redis") if redis else None
            before = _before(work)
            begun = storing.enter_context(beside(partial(_store_redis, work, cut, before))) if cut else None
            documents = faiss(spool / "faiss") if faiss else None
        if begun is None and documents is None:
            raise NothingError(
                "There is nothing to back up: no Redis was asked for and there are no documents.",
                "Set DATA_DIR to the folder of the data, or leave out --only.",
            )
        stored = _store_faiss(work, documents, before)
        draft = _Draft(begun.result() if begun else None, stored)
        ref, point = _publish(work, draft, before, started=started, label=label)
    proof = prove(work, ref, 3) if proven else None
    return BackupReport(ref, point, draft.figures, proof, tuple(work.watch.timings))


def store(
    work: Context,
    cut: RedisCapture | None,
    documents: CapturedFaiss | None,
    *,
    started: datetime,
    label: Label,
) -> PointRef:
    """Store captured files and publish their restore point."""
    before = _before(work)
    draft = _Draft(
        _store_redis(work, cut, before) if cut else None,
        _store_faiss(work, documents, before),
    )
    return _publish(work, draft, before, started=started, label=label)[0]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a point will have: each source that was stored, and what that took."""

    redis: tuple[RedisSource, Figures] | None
    faiss: tuple[FaissSource, Figures] | None

    @property
    def figures(self) -> Figures:
        return sum((part[1] for part in (self.redis, self.faiss) if part), Figures())


def _before(work: Context) -> list[RestorePoint]:
    """Return the backups that this one is compared with."""
    return list(islice(work.repository.preceding(work.host), _COMPARED)) if work.repository.compares else []


def _store_redis(
    work: Context, cut: RedisCapture, before: Sequence[RestorePoint], check: Check = lambda: None
) -> tuple[RedisSource, Figures]:
    cut.settle()
    old = next((one.redis.files for one in before if one.redis), ())
    files, figures = _stored(work, "Redis", cut.files, old, check)
    return cut.source(files), figures


def _store_faiss(
    work: Context, documents: CapturedFaiss | None, before: Sequence[RestorePoint]
) -> tuple[FaissSource, Figures] | None:
    if documents is None:
        return None
    old = next((one.faiss.files for one in before if one.faiss), ())
    files, figures = _stored(work, "the indexes", documents.files, old)
    figures += Figures(objects_reused=sum(len(entry.objects) for entry in documents.known))
    return documents.source(files), figures


def _publish(
    work: Context, draft: _Draft, before: Sequence[RestorePoint], *, started: datetime, label: Label
) -> tuple[PointRef, RestorePoint]:
    redis, faiss = draft.redis[0] if draft.redis else None, draft.faiss[0] if draft.faiss else None
    point = RestorePoint(
        format=format_of(entry for source in (redis, faiss) if source for entry in source.files),
        label=label,
        host=work.host,
        software=software(),
        started=started,
        finished=work.now(),
        redis=redis,
        faiss=faiss,
    )
    with work.watch.step("Publish the restore point"):
        ref = work.repository.publish(point)
        if work.repository.cache:
            work.repository.cache.trim([point, *before])
        return ref, point


def _stored(
    work: Context,
    name: str,
    files: Sequence[tuple[str, Path]],
    old: Sequence[FileEntry],
    check: Check = lambda: None,
) -> tuple[tuple[FileEntry, ...], Figures]:
    size = sum(path.stat().st_size for _, path in files)
    with work.watch.step(f"Store {name}", total=size) as advance:

        def done(amount: int) -> None:
            check()
            advance(amount)

        stored = work.repository.store_files(files, done, matched((path for path, _ in files), old))
    return stored.files, stored.figures
