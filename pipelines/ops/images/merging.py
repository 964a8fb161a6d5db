"""What a container would see: the layers of an image laid over each other, each file with its hash."""

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.images.entries import OPAQUE, WHITEOUT, Entries, Node, is_whiteout, read_entries
from pipelines.ops.images.reading import Image, Layer
from pipelines.ops.images.source import Source
from pipelines.ops.images.unpacking import CHUNK, unpack
from pipelines.ops.reporting import Advance, Reporter

Files = dict[str, "Facts"]
"""What is known of each entry, by path; the root folder is the empty path."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One entry of a merged image; each field is one aspect in which two images can differ."""

    kind: str
    content: str
    mode: int
    owner: tuple[int, int]
    owner_names: tuple[str, str]
    time: float
    target: str
    device: tuple[int, int]
    attributes: tuple[tuple[str, str], ...]
    node: Node
    """One for all names of a file; it is no aspect, because another image has another."""


def merged_files(source: Source, image: Image, spool: Path, reporter: Reporter) -> Files:
    """Read every layer, and return what is left on top. Raises OpsError."""
    files: Files = {}
    for number, layer in enumerate(image.layers, 1):
        with reporter.step(f"Read layer {number} of {len(image.layers)} for {image.platform}") as advance:
            _lay_over(files, source, layer, spool / "plain.tar", advance)
    return files


def _lay_over(files: Files, source: Source, layer: Layer, plain: Path, advance: Advance) -> None:
    unpack(source, layer, plain)
    with plain.open("rb") as file:
        entries = read_entries(file, str(layer), source.limits)
        for path in entries.nodes:
            _uncover(files, path)
        known: dict[Node, Facts] = {}
        for path, node in entries.nodes.items():
            if is_whiteout(path):
                continue
            if node not in known:
                known[node] = _facts(entries, node, advance)
            if not node.is_folder and path in files and files[path].kind == "folder":
                _remove_beneath(files, path)
            files[path] = known[node]
    plain.unlink()


def _uncover(files: Files, path: str) -> None:
    """Remove from the lower layers what a whiteout hides."""
    folder, _, base = path.rpartition("/")
    if base == OPAQUE:
        _remove_beneath(files, folder)
    elif base.startswith(WHITEOUT):
        hidden = f"{folder}/{base.removeprefix(WHITEOUT)}".lstrip("/")
        files.pop(hidden, None)
        _remove_beneath(files, hidden)


def _remove_beneath(files: Files, folder: str) -> None:
    start = f"{folder}/" if folder else ""
    for path in [path for path in files if path and path.startswith(start)]:
        del files[path]


def _facts(entries: Entries, node: Node, advance: Callable[[int], None]) -> Facts:
    member = node.member
    is_device = member.type in {tarfile.CHRTYPE, tarfile.BLKTYPE}
    return Facts(
        kind=node.kind,
        content=_hash(entries, node, advance) if node.is_file else "",
        mode=0o777 if member.issym() else member.mode & 0o7777,
        owner=(member.uid, member.gid),
        owner_names=(member.uname, member.gname),
        time=member.mtime,
        target=member.linkname if member.issym() else "",
        device=(member.devmajor, member.devminor) if is_device else (0, 0),
        attributes=tuple(sorted(node.xattrs.items())),
        node=node,
    )


def _hash(entries: Entries, node: Node, advance: Callable[[int], None]) -> str:
    total = hashlib.sha256()
    with entries.open(node) as content:
        while chunk := content.read(CHUNK):
            total.update(chunk)
            advance(len(chunk))
    return total.hexdigest()
