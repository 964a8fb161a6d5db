"""Capture the AOF folder of a Redis on this machine from its files, in use or not, without talking to it."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from pipelines.ops.capture.aof_arranged import CapturedAof, arrange
from pipelines.ops.capture.aof_manifest import AofPart, parse_manifest
from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.errors import DamagedError, NothingError, OpsError, UsageError

SETTLE = 2.5
"""Seconds: under `appendfsync everysec` Redis answers writes up to 2 s before they are in the file while an
fsync takes long (`flushAppendOnlyFile` in aof.c), and it looks ten times a second."""
ATTEMPTS = 500
_SUFFIX = ".manifest"
_BEING_WRITTEN = "temp-"


def capture_aof_folder(
    folder: Path,
    spool: Path,
    *,
    progress: Progress = ignore,
    settle: float = SETTLE,
    sleep: Callable[[float], None] = time.sleep,
) -> CapturedAof:
    """Copy a multi-part AOF into `spool`; `folder` is Redis' data folder or `appendonlydir` itself.

    All that was acknowledged before the call is in it, if Redis is given `settle` seconds.
    Raises NothingError, UsageError, DamagedError, OpsError.
    """
    manifest = _manifest(folder)
    sleep(settle)
    try:
        with _pinned(manifest) as parts:
            copies = _copied(parts, spool, progress)
    except OSError as error:
        raise OpsError(
            f"The AOF in {manifest.parent} cannot be copied to {spool} ({error.strerror or error}).",
            "See that this user may read the one and write the other, and that the disk has room.",
        ) from error
    base = [copy for part, copy in copies if part.kind == "base"]
    increments = [copy for part, copy in copies if part.kind == "increment"]
    return arrange(
        spool, base[0] if base else None, increments, way="aof-folder", notes=tuple(_ignored(manifest))
    )


def _manifest(folder: Path) -> Path:
    """Find the one manifest, or say what is there instead."""
    if not folder.is_dir():
        raise NothingError(
            f"There is no folder {folder}.", "Name the data folder of Redis (`CONFIG GET dir`)."
        )
    found = [*folder.glob(f"*{_SUFFIX}"), *folder.glob(f"*/*{_SUFFIX}")]
    found = [path for path in found if not path.name.startswith(_BEING_WRITTEN)]
    if len(found) > 1:
        raise UsageError(
            f"{folder} holds several AOF manifests: {', '.join(str(path) for path in found)}.",
            "Name the folder of one of them.",
        )
    if found:
        return found[0]
    single = [path.name for path in sorted(folder.glob("*.aof"))]
    hint = "Name the data folder of a Redis 7 with `appendonly yes`."
    if single:
        hint = f"{single[0]} is of Redis 6 or older: take it in with `synapse import {folder / single[0]}`."
    raise NothingError(f"There is no AOF manifest in {folder}.", hint)


@contextmanager
def _pinned(manifest: Path) -> Iterator[list[tuple[AofPart, BinaryIO]]]:
    """Open all parts that one state of the manifest names: an open file stays, whatever a rewrite removes."""
    for _ in range(ATTEMPTS):
        with ExitStack() as pins:
            before = manifest.read_bytes()
            try:
                parts = [
                    (part, pins.enter_context(_open(manifest.parent / part.file)))
                    for part in parse_manifest(before, str(manifest))
                ]
            except FileNotFoundError as error:
                if manifest.read_bytes() == before:
                    raise DamagedError(
                        f"{error.filename} is missing, and the manifest names it.", "Use another copy."
                    ) from error
                continue
            if manifest.read_bytes() == before:
                yield parts
                return
    raise OpsError(f"{manifest} changed {ATTEMPTS} times while it was read.", "Run the backup again.")


def _open(path: Path) -> BinaryIO:
    # A link could lead a privileged reader anywhere.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise DamagedError(f"{path} is no plain file.", "Look at the AOF folder.")
    return file


def _copied(
    parts: list[tuple[AofPart, BinaryIO]], spool: Path, progress: Progress
) -> list[tuple[AofPart, Path]]:
    """Copy each part up to the length that it has now; only the last one grows."""
    lengths = [os.fstat(file.fileno()).st_size for _, file in parts]
    copies = []
    for number, ((part, file), length) in enumerate(zip(parts, lengths, strict=True)):
        copy = spool / f"part-{number}"
        try:
            copy_open(file, copy, length, progress)
        except EOFError as error:
            raise OpsError(
                f"{part.file} became shorter while it was read ({error}).", "Run the backup again."
            ) from error
        copies.append((part, copy))
    return copies


def _ignored(manifest: Path) -> Iterator[str]:
    """Name old single-file AOFs beside the folder: people believe that Redis 7 reads them."""
    for folder in (manifest.parent, manifest.parent.parent):
        if (old := folder / manifest.name.removesuffix(_SUFFIX)).is_file() and _unnamed(manifest, old):
            yield f"{old} is not in this point: Redis 7 ignores it beside {manifest.parent.name}"


def _unnamed(manifest: Path, old: Path) -> bool:
    """Say whether the manifest does not name it; an upgraded Redis 7 keeps the old file as its base."""
    parts = parse_manifest(manifest.read_bytes(), str(manifest))
    return old.parent != manifest.parent or all(part.file != old.name for part in parts)
