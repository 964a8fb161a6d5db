"""The entries of a layer under canonical names: the last of a name counts, hard links name one file."""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO

from pipelines.ops.errors import DamagedError
from pipelines.ops.images.guarding import open_tar, read_members
from pipelines.ops.images.limits import Limits

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."
_OF_THE_BUILDER = ("security.selinux", "trusted.overlay.", "user.overlay.", "user.rootlesscontainers")
"""Extended attributes that tell of the machine that built the image."""
_KINDS = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "pipe",
}
_AGAIN = "Do not use this image; build it again."


@dataclass(slots=True, eq=False)
class Node:
    """A file, folder, link or device of a layer; a hard link is a second name of one node."""

    member: tarfile.TarInfo
    xattrs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kind(self) -> str:
        """Return what it is, in words."""
        return _KINDS.get(self.member.type, "file")

    @property
    def is_folder(self) -> bool:
        """Return whether others may lie beneath it."""
        return self.member.type == tarfile.DIRTYPE

    @property
    def is_file(self) -> bool:
        """Return whether it has content."""
        return self.member.isreg()


@dataclass(frozen=True, slots=True)
class Entries:
    """A layer: its nodes by path (the root is the empty path), and the tar that holds their content."""

    nodes: dict[str, Node]
    tar: tarfile.TarFile

    def open(self, node: Node) -> BinaryIO:
        """Open the content of a file."""
        content = self.tar.extractfile(node.member)
        if content is None:
            raise AssertionError  # only files are opened
        return content  # type: ignore[return-value]  # a reader, which is all that is asked


def read_entries(file: BinaryIO, what: str, limits: Limits) -> Entries:
    """Read the headers of an unpacked layer; `file` stays in use. Raises DamagedError."""
    nodes: dict[str, Node] = {}
    tar = open_tar(file, what, limits)
    for member in read_members(tar, file, what, limits):
        path = canonical(member.name, what)
        if member.islnk():
            target = nodes.get(canonical(member.linkname, what))
            if target is None or target.is_folder:
                raise DamagedError(
                    f"{what} holds a hard link to nothing: {path} to {member.linkname}.", _AGAIN
                )
            _put(nodes, path, target)
        elif member.isreg() or member.type in _KINDS:
            _put(nodes, path, Node(member, _xattrs(member)))
        else:
            raise DamagedError(f"{what} holds an entry of an unknown kind {member.type!r}: {path}.", _AGAIN)
    return Entries(nodes, tar)


def canonical(name: str, what: str) -> str:
    """Return the one spelling of a name: no leading slash, no `.`. Raises DamagedError if it climbs."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise DamagedError(f"{what} holds a name that leads out of the image: {name!r}.", _AGAIN)
    return "/".join(parts)


def order(path: str) -> tuple[tuple[bool, str], ...]:
    """Sort folders before what is in them, and whiteouts before their neighbours."""
    return tuple((not part.startswith(WHITEOUT), part) for part in path.split("/"))


def is_whiteout(path: str) -> bool:
    """Return whether an entry says that something of a lower layer is gone."""
    return path.rpartition("/")[2].startswith(WHITEOUT)


def remove_beneath(nodes: dict[str, Node], folder: str) -> None:
    """Forget what lies in a folder."""
    start = f"{folder}/" if folder else ""
    for path in [path for path in nodes if path.startswith(start) and path]:
        del nodes[path]


def _put(nodes: dict[str, Node], path: str, node: Node) -> None:
    before = nodes.get(path)
    if before is not None and before.is_folder and not node.is_folder:
        remove_beneath(nodes, path)
    nodes[path] = node


def _xattrs(member: tarfile.TarInfo) -> Mapping[str, str]:
    found = {
        key: value
        for key, value in member.pax_headers.items()
        if key.startswith(_XATTR) and not key.removeprefix(_XATTR).startswith(_OF_THE_BUILDER)
    }
    return found or MappingProxyType({})
