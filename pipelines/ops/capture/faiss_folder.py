"""Capture a folder of FAISS files that Synapse did not write and that somebody else may be writing to.

A file that an earlier backup has is not read when its folder says that it was not written to since.
"""

import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.capture.canaries import new_questions
from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.capture.documents import CapturedFaiss, index_facts
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import load_file
from pipelines.ops.model import FileEntry, FileStamp, IndexFacts

FAISS_SUFFIXES = (".index", ".faiss")
ATTEMPTS = 8
_FIRST_PAUSE = 0.05
_TICK_NS = 20_000_000
"""A file system may note two writes within one tick of the kernel's clock (at most 10 ms) as one time."""
_COARSE_NS = 3_000_000_000
"""And some file systems note times in steps of two seconds: what a later backup relies on is older."""
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Known:
    """A file as an earlier backup has it: what it stored, and what it found out."""

    entry: FileEntry
    facts: IndexFacts


Find = Callable[[str, FileStamp], Known | None]
"""Tells what is known of the file of a path, if it has this stamp."""


def find_none(_path: str, _stamp: FileStamp) -> Known | None:
    """Know no file."""
    return None


def capture_faiss_folder(
    folder: Path,
    spool: Path,
    *,
    suffixes: Sequence[str] = FAISS_SUFFIXES,
    find: Find = find_none,
    progress: Progress = ignore,
    limits: Limits = _LIMITS,
    clock_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> CapturedFaiss:
    """Copy all FAISS files below `folder` as of one moment, load each and ask it canaries.

    A file that `find` knows is neither copied nor loaded. Raises NothingError, DamagedError for a file that
    does not load, OpsError naming what keeps changing.
    """
    found = _stamps(folder, suffixes)
    unread = {name: one for name, stamp in found.items() if (one := find(name, stamp)) is not None}
    copies = {name: found[name] for name in unread}
    changing: list[str] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(_FIRST_PAUSE * 2**attempt)
        found = _stamps(folder, suffixes)
        for name in changing:
            copies.pop(name, None)
            unread.pop(name, None)
        _copy_missing(folder, spool, found, copies, progress)
        changing = _changed(_stamps(folder, suffixes), copies, clock_ns())
        if not changing:
            return _described(spool, copies, unread, limits, clock_ns())
    raise OpsError(
        f"{', '.join(changing[:5])} in {folder} kept changing during {ATTEMPTS} tries.",
        "Stop what writes there while the backup runs, or have it write beside and rename.",
    )


def _stamps(folder: Path, suffixes: Sequence[str]) -> dict[str, FileStamp]:
    """Return the plain files by their path below the folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if path.suffix.lower() not in suffixes:
                continue
            with suppress(FileNotFoundError):
                state = path.lstat()
                if stat.S_ISREG(state.st_mode):
                    found[path.relative_to(folder).as_posix()] = _stamp_of(state)
    if not found:
        raise NothingError(
            f"There are no files *{', *'.join(suffixes)} in {folder}.", "Name the folder that holds them."
        )
    return found


def _stamp_of(state: os.stat_result) -> FileStamp:
    return FileStamp(
        device=state.st_dev,
        inode=state.st_ino,
        size=state.st_size,
        modified_ns=state.st_mtime_ns,
        changed_ns=state.st_ctime_ns,
    )


def _copy_missing(
    folder: Path, spool: Path, found: dict[str, FileStamp], copies: dict[str, FileStamp], progress: Progress
) -> None:
    for name, stamp in found.items():
        if name in copies:
            continue
        (spool / name).unlink(missing_ok=True)
        try:
            with (folder / name).open("rb") as file:
                copy_open(file, spool / name, None, progress)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OpsError(
                f"{folder / name} cannot be copied to {spool} ({error.strerror}).",
                "See that this user may read it and that the disk has room.",
            ) from error
        copies[name] = stamp


def _changed(now: dict[str, FileStamp], copies: dict[str, FileStamp], clock_ns: int) -> list[str]:
    """List what came, went or changed since it was copied, or so recently that its time does not tell."""
    return sorted(
        name
        for name in now.keys() | copies.keys()
        if now.get(name) != copies.get(name) or abs(clock_ns - copies[name].modified_ns) < _TICK_NS
    )


def _described(
    spool: Path, copies: Mapping[str, FileStamp], unread: Mapping[str, Known], limits: Limits, clock_ns: int
) -> CapturedFaiss:
    """Load what was copied, and say of the others what is known."""

    def facts(name: str) -> IndexFacts:
        if name in unread:
            return unread[name].facts
        loaded = load_file(spool / name, new_questions(), name=name, limits=limits)
        return index_facts(loaded, name, _telling(copies[name], clock_ns))

    return CapturedFaiss(
        "folder",
        tuple((name, spool / name) for name in sorted(copies) if name not in unread),
        indexes=tuple(facts(name) for name in sorted(copies)),
        known=tuple(one.entry for one in unread.values()),
    )


def _telling(stamp: FileStamp, clock_ns: int) -> FileStamp | None:
    """Return a stamp that no later change can leave as it is; None of a file that was just changed."""
    return stamp if clock_ns - stamp.changed_ns >= _COARSE_NS else None
