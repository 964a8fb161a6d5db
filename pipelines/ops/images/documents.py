"""The JSON documents of an image: index, manifest, config (OCI image format specification 1.1)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipelines.ops.errors import DamagedError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEXES = {INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"}
MANIFESTS = {MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"}
LAYERS = {
    "application/vnd.oci.image.layer.v1.tar",
    LAYER_GZIP,
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
}

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
Model = TypeVar("Model", bound=BaseModel)
Digest = Annotated[str, StringConstraints(pattern=f"^{_DIGEST.pattern}$")]
"""`sha256:` and 64 hexadecimal digits."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Platform(_Document):
    """What a machine must be to run an image."""

    os: str = "linux"
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(_Document):
    """A blob as another document names it; `size` in bytes."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    def data(self) -> dict[str, object]:
        """Return it as JSON data, without annotations."""
        plain: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform is not None:
            plain["platform"] = self.platform.model_dump(exclude_none=True)
        return plain


class Index(_Document):
    """A list of manifests, one for each platform."""

    manifests: tuple[Descriptor, ...]


class Manifest(_Document):
    """One image: its config, and its layers from the lowest to the highest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


class RootFs(_Document):
    """The layers of a config: digests of their unpacked tars, from the lowest to the highest."""

    diff_ids: tuple[Digest, ...] = ()


class ImageConfig(_Document):
    """What a container is started with, and from which layers."""

    architecture: str
    os: str
    variant: str | None = None
    config: dict[str, Any] | None = None
    rootfs: RootFs

    @property
    def platform(self) -> Platform:
        """Return the platform of the image."""
        return Platform(os=self.os, architecture=self.architecture, variant=self.variant)


def encode(data: Mapping[str, object]) -> bytes:
    """Write a document in its one spelling: sorted keys, no spaces."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    """Return the digest of a document."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parse(model: type[Model], content: bytes, name: str) -> Model:
    """Read a document. Raises DamagedError that names it and its first mistake."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise DamagedError(
            f"{name} of the image is not what an image holds: {where}: {first['msg']}.",
            "Save the image again with the program that wrote it.",
        ) from error
