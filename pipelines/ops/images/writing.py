"""A layer in its one form: a sorted tar of content, rights and numbers, at one time, packed in one way.

Every time is the epoch. To clamp only newer ones is not enough: a file that `COPY` takes from a checkout has
the time of the checkout, which may be older than the epoch and differs from one clone to the next.

The packing is gzip by zlib, level 6: every registry and engine takes it, and a layer is a third of its tar.
Its bytes depend on the version of zlib. Who has another still gets the same config, because that names the
digests of the unpacked tars; `compare` looks at those and at the files.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pipelines.ops.images.compiled import HEADER, Stamps, restamped
from pipelines.ops.images.entries import OPAQUE, WHITEOUT, Entries, Node, is_whiteout, order
from pipelines.ops.images.left_out import left_out
from pipelines.ops.images.unpacking import CHUNK

_LEVEL = 6
_GZIP_FORMAT = 31
_ROOT_MODE = 0o755


@dataclass(frozen=True, slots=True)
class WrittenLayer:
    """A layer on disk: the digest of the file, that of its tar, its size in bytes, and counts of entries."""

    digest: str
    diff_id: str
    size: int
    entries: int
    left_out: int

    def data(self) -> dict[str, object]:
        """Return it as JSON data."""
        return {name: getattr(self, name) for name in self.__slots__}


def write_layer(
    entries: Entries, into: Path, epoch: int, stamps: Stamps, advance: Callable[[int], None]
) -> WrittenLayer:
    """Write a layer to a new file; `stamps` are those of all sources up to it. Raises OSError."""
    kept = sorted((path for path, node in entries.nodes.items() if _is_kept(path, node)), key=order)
    first: dict[Node, str] = {}
    with into.open("xb") as file:
        packer = _Packer(file)
        for path in kept:
            node = entries.nodes[path]
            name = first.setdefault(node, path)
            header = _header(path, node, epoch, same_as=name if name != path else None)
            packer.write(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            if header.isreg() and header.size:
                _copy(entries, node, packer, partial(restamped, path, stamps=stamps, epoch=epoch))
                advance(header.size)
        packer.write(bytes(2 * tarfile.BLOCKSIZE))
        digest, diff_id, size = packer.finish()
    return WrittenLayer(digest, diff_id, size, len(kept), len(entries.nodes) - len(kept))


def _is_kept(path: str, node: Node) -> bool:
    base = path.rpartition("/")[2]
    if base.startswith(f"{WHITEOUT}{WHITEOUT}") and base != OPAQUE:
        return False  # what AUFS keeps for itself
    if not path:
        plain = node.member.mode & 0o7777 == _ROOT_MODE and not node.xattrs
        return not plain or (node.member.uid, node.member.gid) != (0, 0)
    return not left_out(path, is_file=node.is_file and not is_whiteout(path))


def _header(path: str, node: Node, epoch: int, same_as: str | None) -> tarfile.TarInfo:
    """Build the header of an entry from what counts, and nothing else."""
    header, old = tarfile.TarInfo(path or "."), node.member
    header.mtime = epoch
    if is_whiteout(path):
        header.mode = 0
        return header
    header.mode = 0o777 if old.issym() else old.mode & 0o7777
    header.uid, header.gid = old.uid, old.gid
    header.type = tarfile.REGTYPE if old.isreg() else old.type
    if same_as is not None:
        header.type, header.linkname = tarfile.LNKTYPE, same_as
        return header
    header.size = old.size if old.isreg() else 0
    header.linkname = old.linkname if old.issym() else ""
    if old.ischr() or old.isblk():
        header.devmajor, header.devminor = old.devmajor, old.devminor
    header.pax_headers = dict(sorted(node.xattrs.items()))
    return header


def _copy(entries: Entries, node: Node, packer: "_Packer", stamp: Callable[[bytes], bytes]) -> None:
    with entries.open(node) as content:
        packer.write(stamp(content.read(HEADER)))
        while chunk := content.read(CHUNK):
            packer.write(chunk)
    packer.write(bytes(-node.member.size % tarfile.BLOCKSIZE))


class _Packer:
    """Packs what is written to it, and sums up both sides."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        self._plain = hashlib.sha256()
        self._packed = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> None:
        self._plain.update(content)
        self._emit(self._packer.compress(content))

    def finish(self) -> tuple[str, str, int]:
        self._emit(self._packer.flush())
        return f"sha256:{self._packed.hexdigest()}", f"sha256:{self._plain.hexdigest()}", self._size

    def _emit(self, packed: bytes) -> None:
        self._packed.update(packed)
        self._size += self._file.write(packed)
