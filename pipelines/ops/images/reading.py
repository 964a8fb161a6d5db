"""From files to images: follow the index of an OCI layout, or the list of a `docker save` archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, Field, RootModel

from pipelines.ops.errors import DamagedError, UsageError
from pipelines.ops.images.documents import (
    INDEXES,
    LAYERS,
    MANIFESTS,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    Platform,
    digest_of,
    parse,
)
from pipelines.ops.images.source import Source, read_document

_DEPTH = 4
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as its source holds it; an old `docker save` names only the digest of its content."""

    name: str
    diff_id: str
    digest: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        return f"Layer {self.digest or self.name}"


@dataclass(frozen=True, slots=True)
class Image:
    """One image of one platform; `digest` is its manifest's, where there is a manifest."""

    digest: str | None
    raw_config: dict[str, object]
    config: ImageConfig
    layers: tuple[Layer, ...]

    @property
    def platform(self) -> Platform:
        """Return the platform of the image."""
        return self.config.platform


class _Saved(BaseModel):
    config: str = Field(alias="Config")
    layers: tuple[str, ...] = Field(alias="Layers")


class _Archive(RootModel[tuple[_Saved, ...]]):
    """`manifest.json` of `docker save` before engine 25."""


def read_images(source: Source) -> tuple[Image, ...]:
    """Return the images of a source in the order of their platforms, one for each. Raises OpsError."""
    if source.has("index.json"):
        index = parse(Index, read_document(source, "index.json"), "index.json")
        found = {one.digest: one for one in _manifests(source, index, _DEPTH)}
        images = [_read_manifest(source, one) for one in found.values()]
    elif source.has("manifest.json"):
        archive = parse(_Archive, read_document(source, "manifest.json"), "manifest.json")
        images = [_read_saved(source, saved) for saved in archive.root]
    else:
        raise UsageError(
            "There is no image: neither index.json nor manifest.json is in it.",
            "Give an OCI layout (a folder or tarball), or what `docker save` writes.",
        )
    if not images:
        raise DamagedError("The image's index lists no image.", "Build it again.")
    platforms = [str(image.platform) for image in images]
    if len(set(platforms)) < len(platforms):
        raise UsageError(
            f"There are several images for one platform: {', '.join(sorted(platforms))}.",
            "Save one image at a time.",
        )
    return tuple(sorted(images, key=lambda image: str(image.platform)))


def blob_name(digest: str) -> str:
    """Return where a layout holds a blob."""
    return f"blobs/{digest.replace(':', '/')}"


def read_checked(source: Source, wanted: Descriptor) -> bytes:
    """Return a document that another one names. Raises DamagedError when it is not the one meant."""
    content = read_document(source, blob_name(wanted.digest))
    if digest_of(content) != wanted.digest or len(content) != wanted.size:
        raise DamagedError(
            f"The blob {wanted.digest} of the image is not what its digest says.",
            "This copy is damaged; save the image again.",
        )
    return content


def _manifests(source: Source, index: Index, depth: int) -> Iterator[Descriptor]:
    """Yield the manifests of an index and of those it lists, without what is only said about an image."""
    if not depth or len(index.manifests) > source.limits.images:
        raise DamagedError("The image's index is nested or long beyond reason.", "Build the image again.")
    for one in index.manifests:
        # An attestation is a statement about the raw digest, which no longer holds.
        if _ATTESTATION in one.annotations or (one.platform and one.platform.architecture == "unknown"):
            continue
        if one.media_type in INDEXES:
            yield from _manifests(source, parse(Index, read_checked(source, one), one.digest), depth - 1)
        elif one.media_type in MANIFESTS:
            yield one
        else:
            raise _unknown(one)


def _read_manifest(source: Source, descriptor: Descriptor) -> Image:
    manifest = parse(Manifest, read_checked(source, descriptor), descriptor.digest)
    for layer in manifest.layers:
        if layer.media_type not in LAYERS:
            raise _unknown(layer)
    content = read_checked(source, manifest.config)
    config = parse(ImageConfig, content, manifest.config.digest)
    _expect_as_many(config, len(manifest.layers), descriptor.digest)
    layers = tuple(
        Layer(blob_name(layer.digest), diff_id, layer.digest, layer.size)
        for layer, diff_id in zip(manifest.layers, config.rootfs.diff_ids, strict=True)
    )
    return Image(descriptor.digest, json.loads(content), config, layers)


def _read_saved(source: Source, saved: _Saved) -> Image:
    content = read_document(source, saved.config)
    config = parse(ImageConfig, content, saved.config)
    _expect_as_many(config, len(saved.layers), saved.config)
    layers = tuple(
        Layer(name, diff_id) for name, diff_id in zip(saved.layers, config.rootfs.diff_ids, strict=True)
    )
    return Image(None, json.loads(content), config, layers)


def _expect_as_many(config: ImageConfig, layers: int, name: str) -> None:
    if len(config.rootfs.diff_ids) != layers:
        raise DamagedError(
            f"{name} lists {layers} layers, and its config {len(config.rootfs.diff_ids)}.",
            "Build the image again.",
        )


def _unknown(descriptor: Descriptor) -> UsageError:
    return UsageError(
        f"The blob {descriptor.digest} is of a kind that is not known here: {descriptor.media_type}.",
        "Save the image as OCI or Docker layers: tar, gzip or zstd, not encrypted and not foreign.",
    )
