"""Capture a folder of FAISS files that Synapse did not write and that somebody else may be writing to."""

import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pipelines.ops.capture.canaries import new_questions
from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.capture.documents import CapturedFaiss, index_facts
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import load_file

FAISS_SUFFIXES = (".index", ".faiss")
ATTEMPTS = 8
_FIRST_PAUSE = 0.05
_TICK_NS = 20_000_000
"""A file system may note two writes within one tick of the kernel's clock (at most 10 ms) as one time."""
_LIMITS = Limits()


class _Stamp(NamedTuple):
    """What changes when a file is written to or replaced."""

    inode: int
    size: int
    changed_ns: int


def capture_faiss_folder(
    folder: Path,
    spool: Path,
    *,
    suffixes: Sequence[str] = FAISS_SUFFIXES,
    progress: Progress = ignore,
    limits: Limits = _LIMITS,
    clock_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> CapturedFaiss:
    """Copy all FAISS files below `folder` as of one moment, load each and ask it canaries.

    Raises NothingError, DamagedError for a file that does not load, OpsError naming what keeps changing.
    """
    copies: dict[str, _Stamp] = {}
    changing: list[str] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(_FIRST_PAUSE * 2**attempt)
        found = _stamps(folder, suffixes)
        for name in changing:
            copies.pop(name, None)
        _copy_missing(folder, spool, found, copies, progress)
        changing = _changed(_stamps(folder, suffixes), copies, clock_ns())
        if not changing:
            return _described(spool, sorted(copies), limits)
    raise OpsError(
        f"{', '.join(changing[:5])} in {folder} kept changing during {ATTEMPTS} tries.",
        "Stop what writes there while the backup runs, or have it write beside and rename.",
    )


def _stamps(folder: Path, suffixes: Sequence[str]) -> dict[str, _Stamp]:
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
                    stamp = _Stamp(state.st_ino, state.st_size, state.st_mtime_ns)
                    found[path.relative_to(folder).as_posix()] = stamp
    if not found:
        raise NothingError(
            f"There are no files *{', *'.join(suffixes)} in {folder}.", "Name the folder that holds them."
        )
    return found


def _copy_missing(
    folder: Path, spool: Path, found: dict[str, _Stamp], copies: dict[str, _Stamp], progress: Progress
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


def _changed(now: dict[str, _Stamp], copies: dict[str, _Stamp], clock_ns: int) -> list[str]:
    """List what came, went or changed since it was copied, or so recently that its time does not tell."""
    return sorted(
        name
        for name in now.keys() | copies.keys()
        if now.get(name) != copies.get(name) or abs(clock_ns - copies[name].changed_ns) < _TICK_NS
    )


def _described(spool: Path, names: Sequence[str], limits: Limits) -> CapturedFaiss:
    facts = [
        index_facts(load_file(spool / name, new_questions(), name=name, limits=limits), name)
        for name in names
    ]
    return CapturedFaiss("folder", tuple((name, spool / name) for name in names), indexes=tuple(facts))
