"""Arrange copied AOF files as one multi-part AOF with canonical names, cut after its last whole command."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.ops.capture.aof_boundary import NotCommandsError, whole_length
from pipelines.ops.capture.aof_manifest import write_manifest
from pipelines.ops.capture.aof_preamble import rdb_length
from pipelines.ops.capture.copying import copy_open
from pipelines.ops.capture.rdb_header import RdbHeader, read_rdb_header
from pipelines.ops.errors import DamagedError
from pipelines.ops.model import FileEntry, RedisSource
from pipelines.ops.redis.aof import BASE, FOLDER, MANIFEST, lay_base
from pipelines.ops.redis.facts import loadable_by

_PLAIN_BASE = f"{FOLDER}/appendonly.aof.1.base.aof"


@dataclass(frozen=True, slots=True)
class CapturedAof:
    """A multi-part AOF in the spool: its files by name, the manifest last, and what its base says."""

    way: Literal["aof-folder", "import"]
    files: tuple[tuple[str, Path], ...]
    header: RdbHeader | None
    notes: tuple[str, ...]

    def settle(self) -> None:
        """Do nothing: all was done when it was arranged."""

    def source(self, files: tuple[FileEntry, ...]) -> RedisSource:
        """Describe the capture for the restore point, once its files are stored."""
        header = self.header
        return RedisSource(
            way=self.way,
            server=header.server if header else "unknown",
            version=header.server_version if header else "unknown",
            replid=None,
            offset=None,
            rdb_version=header.version if header else None,
            loadable_by=loadable_by(header.version if header else None),
            databases=None,
            notes=self.notes,
            files=files,
        )


def arrange(
    spool: Path,
    base: Path | None,
    increments: Sequence[Path],
    *,
    way: Literal["aof-folder", "import"],
    notes: Sequence[str] = (),
) -> CapturedAof:
    """Move copies (in the spool, in order) to `<spool>/appendonlydir`.

    A base that has commands after its RDB is split. Raises DamagedError when a file is not what it should be.
    """
    (spool / FOLDER).mkdir(mode=0o700)
    header = read_rdb_header(base) if base else None
    laid, tail = _lay_base(spool, base) if base else (None, None)
    parts = [*([tail] if tail else []), *increments]
    moved = [part.rename(spool / _increment(number)) for number, part in enumerate(parts, start=1)]
    cut_off = _cut([laid, *moved] if laid and not header else moved)
    if not moved:
        moved = [spool / _increment(1)]
        moved[0].touch()
    manifest = spool / MANIFEST
    manifest.write_text(write_manifest(laid.name if laid else None, [path.name for path in moved]))
    files = [*([laid] if laid else []), *moved, manifest]
    named = tuple((path.relative_to(spool).as_posix(), path) for path in files)
    return CapturedAof(way, named, header, (*notes, *cut_off))


def _lay_base(spool: Path, base: Path) -> tuple[Path, Path | None]:
    """Return the base at its place, and the commands that followed its RDB as a file of their own."""
    try:
        length = rdb_length(base)
    except ValueError as error:
        raise DamagedError(f"The AOF base is damaged: {error}.", "Use another copy.") from error
    if length is None:
        return base.rename(spool / _PLAIN_BASE), None
    tail = None
    if length < base.stat().st_size:
        tail = base.with_name(f"{base.name}.tail")
        with base.open("rb") as file:
            copy_open(file, tail, None, start=length)
        os.truncate(base, length)
    lay_base(base, spool / BASE)
    return spool / BASE, tail


def _cut(commands: Sequence[Path]) -> list[str]:
    """Cut the last file after its last whole command; the others must be whole."""
    notes = []
    for number, path in enumerate(commands, start=1):
        size = path.stat().st_size
        try:
            whole = whole_length(path)
        except NotCommandsError as error:
            raise DamagedError(
                f"The AOF file {path.name} is damaged: {error}.",
                "Run `redis-check-aof` on it; with `--fix` it is cut there, and what follows is lost.",
            ) from error
        if whole == size:
            continue
        if number < len(commands):
            raise DamagedError(
                f"The AOF file {path.name} ends inside a command, and another file follows it.",
                "A file of it was cut; use another copy.",
            )
        os.truncate(path, whole)
        notes.append(f"the last {size - whole} bytes were no whole command or transaction and are left out")
    return notes


def _increment(number: int) -> str:
    return f"{FOLDER}/appendonly.aof.{number}.incr.aof"
