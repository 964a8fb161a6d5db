"""Take a restore point: cut Redis, then snapshot the documents, store both, publish, prove."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.context import Context, software
from pipelines.ops.errors import NothingError
from pipelines.ops.model import FileEntry, Proof, RedisSource, RestorePoint, format_of
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
    document that is missing from it. Nothing is visible in the repository before everything is stored.
    """
    started = work.now()
    with work.spool("backup") as spool:
        with capturing(work.data_dir):
            cut = redis(spool / "redis") if redis else None
            documents = faiss(spool / "faiss") if faiss else None
        if cut is None and documents is None:
            raise NothingError(
                "There is nothing to back up: no Redis was asked for and there are no documents.",
                "Set DATA_DIR to the folder of the data, or leave out --only.",
            )
        ref, point, figures = store(work, cut, documents, started=started, label=label)
    proof = prove(work, ref, 3) if proven else None
    return BackupReport(ref, point, figures, proof, tuple(work.watch.timings))


def store(
    work: Context,
    cut: RedisCapture | None,
    documents: CapturedFaiss | None,
    *,
    started: datetime,
    label: Label,
) -> tuple[PointRef, RestorePoint, Figures]:
    """Store captured files and publish their restore point."""
    figures = Figures()
    redis_source = faiss_source = None
    before = list(islice(work.repository.preceding(work.host), _COMPARED)) if work.repository.compares else []
    if cut is not None:
        old = next((one.redis.files for one in before if one.redis), ())
        files, taken = _stored(work, "Redis", cut.files, old)
        redis_source, figures = cut.source(files), figures + taken
    if documents is not None:
        old = next((one.faiss.files for one in before if one.faiss), ())
        files, taken = _stored(work, "the indexes", documents.files, old)
        taken += Figures(objects_reused=sum(len(entry.objects) for entry in documents.known))
        faiss_source, figures = documents.source(files), figures + taken
    sources = (redis_source, faiss_source)
    point = RestorePoint(
        format=format_of(entry for source in sources if source for entry in source.files),
        label=label,
        host=work.host,
        software=software(),
        started=started,
        finished=work.now(),
        redis=redis_source,
        faiss=faiss_source,
    )
    with work.watch.step("Publish the restore point"):
        ref = work.repository.publish(point)
        if work.repository.cache:
            work.repository.cache.trim([point, *before])
        return ref, point, figures


def _stored(
    work: Context, name: str, files: Sequence[tuple[str, Path]], old: Sequence[FileEntry]
) -> tuple[tuple[FileEntry, ...], Figures]:
    size = sum(path.stat().st_size for _, path in files)
    with work.watch.step(f"Store {name}", total=size) as advance:
        stored = work.repository.store_files(files, advance, matched((path for path, _ in files), old))
    return stored.files, stored.figures
