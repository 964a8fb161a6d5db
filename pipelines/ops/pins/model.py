"""The pin file `deploy/pins.toml`: every image that is not built here, by name, tag and digest."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from pipelines.ops.errors import NothingError, UsageError

PIN_FILE = Path("deploy/pins.toml")
_DIGEST = r"(sha256:[0-9a-f]{64})?"
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$")]
_HEAD = """\
# The images that others build: what Dockerfiles, compose files and pipelines begin with. `synapse pins lint`
# compares, `synapse pins update` asks the registries for the digests and writes them here and wherever an
# image is named. An empty digest is not known yet.
"""


class Pin(BaseModel):
    """One image: its name as Docker writes it, its tag, the digest of the tag, the files that name it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._/:-]*[a-z0-9])?$", max_length=200)]
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
    digest: Annotated[str, StringConstraints(pattern=f"^{_DIGEST}$")]
    used_in: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]+$")], ...]

    @property
    def reference(self) -> str:
        """The image as a Dockerfile names it: `name:tag@sha256:…`, without a digest that is not known."""
        return f"{self.image}:{self.tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def floating(self) -> bool:
        """Whether the tag names no version: `latest`, `alpine` and the like."""
        return not any(letter.isdigit() for letter in self.tag)


@dataclass(frozen=True, slots=True)
class Image:
    """An image reference, taken apart."""

    name: str
    tag: str
    digest: str


def parse_reference(reference: str) -> Image:
    """Take `name:tag@digest` apart; what is not there is empty. A registry's port is part of the name."""
    named, _, digest = reference.partition("@")
    name, colon, tag = named.rpartition(":")
    if not colon or "/" in tag:
        return Image(named, "", digest)
    return Image(name, tag, digest)


def read_pins(root: Path) -> dict[str, Pin]:
    """Return the pins of a project by their names. Raises NothingError, UsageError."""
    path = root / PIN_FILE
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        pins = TypeAdapter(dict[_Name, Pin]).validate_python(document)
    except FileNotFoundError as error:
        raise NothingError(
            f"There is no {path}.", "Run this in the project's folder, or name it by --folder."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise UsageError(
            f"{path} cannot be used: {error}", "Correct it; the other entries show how."
        ) from error
    twice = _first_twice([pin.image for pin in pins.values()])
    if twice is not None:
        raise UsageError(f"{path} pins {twice} twice.", "Keep one version of it.")
    return pins


def write_pins(pins: Mapping[str, Pin]) -> str:
    """Return the text of the pin file."""
    blocks = []
    for name, pin in pins.items():
        used = "".join(f'    "{file}",\n' for file in pin.used_in)
        said = f'image = "{pin.image}"\ntag = "{pin.tag}"\ndigest = "{pin.digest}"\n'
        blocks.append(f"\n[{name}]\n{said}used_in = [\n{used}]\n")
    return _HEAD + "".join(blocks)


def _first_twice(names: list[str]) -> str | None:
    return next((name for place, name in enumerate(names) if name in names[:place]), None)
