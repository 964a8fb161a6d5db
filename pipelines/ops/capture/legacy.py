"""Take in backups of the hand-made kind: `redis-*.aof` and `faiss-indexes-*.tar.gz`."""

from pathlib import Path

from pipelines.ops.capture.aof_arranged import CapturedAof, arrange
from pipelines.ops.capture.canaries import new_questions
from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.capture.documents import CapturedFaiss, index_facts
from pipelines.ops.capture.faiss_folder import FAISS_SUFFIXES
from pipelines.ops.capture.unpacking import unpack
from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import load_file
from pipelines.ops.redis.facts import rdb_version

MOST = 256 << 30
"""Bytes that an archive may unpack to, unless told otherwise."""
_LIMITS = Limits()
_COMMAND_MARKS = (b"*", b"#")


def import_redis(backup: Path, spool: Path, *, progress: Progress = ignore) -> CapturedAof:
    """Turn an old AOF, one with an RDB before it, or an RDB under any name, into a multi-part AOF in `spool`.

    Raises NothingError, DamagedError when it is none of them.
    """
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = spool / "imported"
    try:
        with backup.open("rb") as file:
            copy_open(file, copy, None, progress)
    except OSError as error:
        raise _unreadable(backup, error) from error
    with copy.open("rb") as file:
        mark = file.read(1)
    if not mark:
        raise DamagedError(
            f"{backup} is empty.",
            "Redis 7 has no appendonly.aof in its data folder: whatever copied it saved nothing.",
        )
    if rdb_version(copy) is None and mark not in _COMMAND_MARKS:
        raise DamagedError(f"{backup} is neither an AOF nor an RDB.", "Look at it with `file`.")
    return arrange(spool, copy, (), way="import", notes=[f"imported from {backup.name}"])


def import_faiss(
    archive: Path, spool: Path, *, progress: Progress = ignore, most: int = MOST, limits: Limits = _LIMITS
) -> CapturedFaiss:
    """Unpack an archive of indexes into `spool` and load what are FAISS files; others are kept as they are.

    Raises NothingError, DamagedError when it is damaged, hostile, unpacks to more than `most` bytes, or holds
    no FAISS file that loads.
    """
    try:
        names, notes = unpack(archive, spool, most=most, progress=progress)
    except FileNotFoundError as error:
        raise _unreadable(archive, error) from error
    indexes = []
    for name in names:
        if not name.lower().endswith(FAISS_SUFFIXES):
            continue
        try:
            loaded = load_file(spool / name, new_questions(), name=name, limits=limits)
        except DamagedError as error:
            notes.append(f"kept as a plain file: {error.what}")
        else:
            indexes.append(index_facts(loaded, name))
    if not indexes:
        raise DamagedError(
            f"{archive} holds no FAISS file that loads ({'; '.join(notes) or 'no *.index, no *.faiss'}).",
            "Use an older backup.",
        )
    return CapturedFaiss(
        "import",
        tuple((name, spool / name) for name in names),
        indexes=tuple(indexes),
        notes=(f"imported from {archive.name}", *notes),
    )


def _unreadable(path: Path, error: OSError) -> NothingError:
    return NothingError(f"{path} cannot be read ({error.strerror}).", "Name the file of the old backup.")
