"""From an image as an engine saved it to one whose digest is a function of its content alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.errors import UsageError
from pipelines.ops.images.compiled import Stamps, led_to
from pipelines.ops.images.config import rebuilt_config
from pipelines.ops.images.documents import CONFIG, INDEX, LAYER_GZIP, MANIFEST, Descriptor
from pipelines.ops.images.entries import Entries, read_entries
from pipelines.ops.images.layout import NewLayout, new_layout
from pipelines.ops.images.limits import STANDARD, Limits
from pipelines.ops.images.reading import Image, Layer, read_images
from pipelines.ops.images.source import Source, open_source
from pipelines.ops.images.unpacking import unpack
from pipelines.ops.images.writing import WrittenLayer, write_layer
from pipelines.ops.reporting import Advance, Reporter

_LATEST = 0o77777777777
"""The last second that a plain tar header can name."""


@dataclass(frozen=True, slots=True)
class NormalImage:
    """One image of the result."""

    manifest: Descriptor
    config: Descriptor
    layers: tuple[WrittenLayer, ...]


@dataclass(frozen=True, slots=True)
class NormalForm:
    """The result: the digest under which it is pushed, and its images in the order of their platforms."""

    root: Descriptor
    images: tuple[NormalImage, ...]


def normalise(
    source: Path, into: Path, *, epoch: int, reporter: Reporter, limits: Limits = STANDARD
) -> NormalForm:
    """Write the normal form of an image to a new layout folder; `epoch` in seconds since 1970."""
    if not 0 <= epoch <= _LATEST:
        raise UsageError(f"{epoch} is no epoch.", f"Give the seconds since 1970, at most {_LATEST}.")
    with new_layout(into) as layout, open_source(source, layout.spool, limits) as opened:
        images = tuple(_normal(opened, image, layout, epoch, reporter) for image in read_images(opened))
        root = _root(layout, images)
        layout.finish(root)
    return NormalForm(root, images)


def _normal(source: Source, image: Image, layout: NewLayout, epoch: int, reporter: Reporter) -> NormalImage:
    stamps: Stamps = {}
    written = []
    descriptors = []
    for number, layer in enumerate(image.layers, 1):
        title = f"Normalise layer {number} of {len(image.layers)} for {image.platform}"
        with reporter.step(title) as advance:
            one = _normal_layer(source, layer, layout, epoch=epoch, stamps=stamps, advance=advance)
        written.append(one)
        descriptors.append(layout.add_file(LAYER_GZIP, layout.spool / "packed", one.digest, one.size))
    config = layout.add_document(CONFIG, rebuilt_config(image, [one.diff_id for one in written], epoch))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.data(),
        "layers": [one.data() for one in descriptors],
    }
    return NormalImage(layout.add_document(MANIFEST, manifest, image.platform), config, tuple(written))


def _normal_layer(
    source: Source, layer: Layer, layout: NewLayout, *, epoch: int, stamps: Stamps, advance: Advance
) -> WrittenLayer:
    plain = layout.spool / "plain.tar"
    unpack(source, layer, plain)
    with plain.open("rb") as file:
        entries = read_entries(file, str(layer), source.limits)
        _note_sources(entries, stamps)
        written = write_layer(entries, layout.spool / "packed", epoch, stamps, advance)
    plain.unlink()
    return written


def _note_sources(entries: Entries, stamps: Stamps) -> None:
    """Note the sources of a layer; one that it replaces counts from here on.

    A source that is a link has the time of the file that it leads to, also in a lower layer.
    """
    for path, node in sorted(entries.nodes.items(), key=lambda item: item[1].member.issym()):
        if path.endswith(".py") and node.is_file:
            with suppress(ValueError, OverflowError):  # a time such as `nan` is nobody's stamp
                stamps[path] = (int(node.member.mtime), node.member.size)
        elif path.endswith(".py") and node.member.issym():
            target = stamps.get(led_to(path, node.member.linkname))
            if target is not None:
                stamps[path] = target


def _root(layout: NewLayout, images: Sequence[NormalImage]) -> Descriptor:
    if len(images) == 1:
        return images[0].manifest
    manifests = [image.manifest.data() for image in images]
    return layout.add_document(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
