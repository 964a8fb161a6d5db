"""Images made by hand: layers entry by entry, and each of the forms in which engines save them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backports import zstd

from pipelines.ops.images.normalise import NormalForm, normalise
from pipelines.ops.reporting import SilentReporter

EPOCH = 1_760_000_000
KINDS = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
}
MEDIA = "application/vnd.oci.image.layer.v1.tar"
PACKED: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": (MEDIA, bytes),
    "gzip": (f"{MEDIA}+gzip", gzip.compress),
    "zstd": (f"{MEDIA}+zstd", zstd.compress),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer."""

    path: str
    content: bytes = b""
    kind: str = "file"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, str], ...] = ()
    mtime: float = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Build:
    """What one build has of its own, and no image may show."""

    prefix: str = ""
    owner: str = ""
    created: str = "2025-01-01T00:00:00Z"
    later: int = 0
    tar_format: int = tarfile.PAX_FORMAT
    packing: str = "plain"
    container: Mapping[str, object] = field(default_factory=lambda: {"Cmd": ["serve"], "User": "1000"})


def sha256(content: bytes) -> str:
    """Return the digest of bytes, as images write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(entries: Sequence[Entry], build: Build = Build()) -> bytes:  # frozen
    """Return the tar of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=build.tar_format) as tar:
        for entry in entries:
            member = tarfile.TarInfo(build.prefix + entry.path)
            member.type, member.mode = KINDS[entry.kind], entry.mode
            member.uid, member.gid = entry.uid, entry.gid
            member.uname = member.gname = build.owner
            member.mtime = int(entry.mtime) + build.later
            member.size = len(entry.content)
            member.devmajor, member.devminor = entry.device
            member.linkname = (build.prefix if entry.kind == "hard link" else "") + entry.target
            member.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in entry.xattrs}
            tar.addfile(member, io.BytesIO(entry.content))
    return buffer.getvalue()


def lay(
    folder: Path,
    layers: Sequence[bytes],
    build: Build = Build(),
    architecture: str = "amd64",  # frozen
) -> Path:
    """Write an image layout of one image."""
    index = {"schemaVersion": 2, "manifests": [add_image(folder, layers, build, architecture)]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def add_image(
    folder: Path,
    layers: Sequence[bytes],
    build: Build = Build(),
    architecture: str = "amd64",  # frozen
) -> dict[str, object]:
    """Add an image to a layout; return its descriptor."""
    media, pack = PACKED[build.packing]
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": build.created,
        "config": build.container,
        "rootfs": {"type": "layers", "diff_ids": [sha256(one) for one in layers]},
        "history": [{"created": build.created, "created_by": f"RUN {build.created}"} for _ in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "config": add_blob(folder, "application/vnd.oci.image.config.v1+json", json.dumps(config).encode()),
        "layers": [add_blob(folder, media, pack(one)) for one in layers],
        "annotations": {"built": build.created},
    }
    return add_blob(folder, "application/vnd.oci.image.manifest.v1+json", json.dumps(manifest).encode())


def add_blob(folder: Path, media_type: str, content: bytes) -> dict[str, object]:
    """Add a blob to a layout; return its descriptor."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    digest = sha256(content)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def tarred(folder: Path, mode: str = "w") -> Path:
    """Write a layout as a tarball beside it."""
    path = folder.with_name(f"{folder.name}.{'tar' if mode == 'w' else 'tgz'}")
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]  # either mode
        for one in sorted(folder.rglob("*"), reverse=True):
            tar.add(one, f"./{one.relative_to(folder)}", recursive=False)
    return path


def saved_by_an_old_engine(path: Path, layers: Sequence[bytes], build: Build = Build()) -> Path:  # frozen
    """Write what `docker save` of an engine before 25 does; an equal layer is a link to the first."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": build.created,
        "config": build.container,
        "rootfs": {"type": "layers", "diff_ids": [sha256(one) for one in layers]},
    }
    names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["made:latest"], "Layers": names}]
    with tarfile.open(path, "w") as tar:
        for number, (name, content) in enumerate(zip(names, layers, strict=True)):
            member = tarfile.TarInfo(name)
            if content in layers[:number]:
                member.type, member.linkname = tarfile.SYMTYPE, f"../{names[layers.index(content)]}"
                tar.addfile(member)
                continue
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, data in (("config.json", config), ("manifest.json", manifest)):
            text = json.dumps(data).encode()
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


def normal(source: Path, into: Path, epoch: int = EPOCH) -> NormalForm:
    """Bring an image into its normal form."""
    return normalise(source, into, epoch=epoch, reporter=SilentReporter())


def members(layout: Path, form: NormalForm, number: int = 0) -> dict[str, tarfile.TarInfo]:
    """Return the headers of a layer of a normal form."""
    digest = form.images[0].layers[number].digest.removeprefix("sha256:")
    with tarfile.open(layout / "blobs" / "sha256" / digest, "r:gz") as tar:
        return {member.name: member for member in tar}
