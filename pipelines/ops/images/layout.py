"""Image layouts on disk: written whole beside their place, and read back by their one root."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.stores.index.durable import sync
from pipelines.ops.errors import OpsError, RefusedError, UsageError
from pipelines.ops.images.documents import Descriptor, Index, Platform, digest_of, encode, parse
from pipelines.ops.images.source import FolderSource, read_document
from pipelines.ops.spools import held_folder, remove_dead

_BESIDE = ".synapse-image-"


@dataclass(frozen=True, slots=True)
class NewLayout:
    """A layout that is being written."""

    folder: Path
    spool: Path

    def add_document(
        self, media_type: str, data: Mapping[str, object], platform: Platform | None = None
    ) -> Descriptor:
        """Write a document as a blob."""
        content = encode(data)
        digest = digest_of(content)
        self._blob(digest).write_bytes(content)
        sync(self._blob(digest))
        return Descriptor(media_type=media_type, digest=digest, size=len(content), platform=platform)

    def add_file(self, media_type: str, path: Path, digest: str, size: int) -> Descriptor:
        """Take a file in as a blob."""
        sync(path)
        path.replace(self._blob(digest))
        return Descriptor(media_type=media_type, digest=digest, size=size)

    def finish(self, root: Descriptor) -> None:
        """Write what names the root, last."""
        for name, data in (
            ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
            ("index.json", {"schemaVersion": 2, "manifests": [root.data()]}),
        ):
            (self.folder / name).write_bytes(encode(data))
            sync(self.folder / name)
        for folder in (self.folder / "blobs" / "sha256", self.folder / "blobs", self.folder):
            sync(folder)

    def _blob(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


@contextmanager
def new_layout(into: Path) -> Iterator[NewLayout]:
    """Give a layout to write; it appears at `into` when the block ends well. Raises OpsError."""
    if os.path.lexists(into):
        raise RefusedError(f"{into} is there already.", "Remove it, or name a new folder.")
    try:
        remove_dead(into.parent, _BESIDE)
        with held_folder(into.parent, _BESIDE) as beside:
            (beside / "spool").mkdir()
            layout = NewLayout(beside / "layout", beside / "spool")
            (layout.folder / "blobs" / "sha256").mkdir(parents=True)
            yield layout
            layout.folder.rename(into)
            sync(into.parent)
    except OSError as error:
        raise OpsError(
            f"The image cannot be written to {into} ({error.strerror or error}).",
            "Name a place in a folder that exists, can be written and has room for the image twice.",
        ) from error


def root_of(layout: Path) -> Descriptor:
    """Return the one root of a layout. Raises OpsError."""
    source = FolderSource(layout)
    index = parse(Index, read_document(source, "index.json"), f"{layout}/index.json")
    if len(index.manifests) != 1:
        raise UsageError(
            f"{layout} has {len(index.manifests)} roots, not one.",
            "Give what `synapse image normalise` wrote.",
        )
    return index.manifests[0]
