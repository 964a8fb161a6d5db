"""Bring the pin file, and every place where an image is named, to the digests of the registries."""

import difflib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.pins.model import PIN_FILE, Pin, parse_reference, read_pins, write_pins
from pipelines.ops.pins.references import Reference

Lookup = Callable[[str, str], str]
"""Which digest has this image under this tag now?"""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A file, named from the project's folder, and its text before and after."""

    file: str
    before: str
    after: str


def looked_up(pins: Mapping[str, Pin], lookup: Lookup, only: str | None = None) -> dict[str, Pin]:
    """Return all pins, with the digests of now for all or for the one named `only`. Raises NothingError."""
    if only is not None and only not in pins:
        raise NothingError(f"No pin is called {only!r}.", f"Name one of {', '.join(sorted(pins))}.")
    asked = [only] if only is not None else list(pins)
    found = {name: lookup(pins[name].image, pins[name].tag) for name in asked}
    return {
        name: pin.model_copy(update={"digest": found[name]}) if name in found else pin
        for name, pin in pins.items()
    }


def rewrites(root: Path, pins: Mapping[str, Pin], found: Iterable[Reference]) -> list[Rewrite]:
    """Return every file whose text must change so that all agree with `pins`; the pin file comes last.

    It is last so that, whatever ends the writing, an update that is run again finds what is left to do.
    """
    by_image = {pin.image: pin for pin in pins.values()}
    files: dict[str, list[str]] = {}
    for one in found:
        pin = by_image.get(parse_reference(one.text).name)
        if pin is not None and one.text != pin.reference:
            lines = files.setdefault(one.file, _read(root, one.file).splitlines(keepends=True))
            lines[one.line - 1] = lines[one.line - 1].replace(one.text, pin.reference)
    texts = {file: "".join(lines) for file, lines in files.items()}
    if pins != read_pins(root):
        texts[PIN_FILE.as_posix()] = write_pins(pins)
    return [Rewrite(file, _read(root, file), after) for file, after in texts.items()]


def difference(changes: Iterable[Rewrite]) -> str:
    """Return the changes as `diff -u` shows them."""
    return "".join(
        line
        for change in changes
        for line in difflib.unified_diff(
            change.before.splitlines(keepends=True),
            change.after.splitlines(keepends=True),
            f"a/{change.file}",
            f"b/{change.file}",
        )
    )


def write(root: Path, changes: Iterable[Rewrite]) -> None:
    """Write each file whole or not at all, with the rights that it has. Raises OpsError."""
    for change in changes:
        path = root / change.file
        beside = path.with_name(f".{path.name}.new")
        try:
            _write_beside(path, beside, change.after)
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise OpsError(
                f"{path} cannot be written: {error.strerror}.", "Run it again as who may write there."
            ) from error


def _write_beside(path: Path, beside: Path, text: str) -> None:
    with beside.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, beside)


def _read(root: Path, file: str) -> str:
    with (root / file).open(encoding="utf-8", newline="") as opened:
        return opened.read()
