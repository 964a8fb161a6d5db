"""Compare every image reference of a project with its pin file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.pins.model import PIN_FILE, Pin, parse_reference
from pipelines.ops.pins.references import Reference


@dataclass(frozen=True, slots=True)
class Breach:
    """What does not agree: the place (`file:line`) and the reason."""

    where: str
    what: str


def breaches(
    pins: Mapping[str, Pin], found: Iterable[Reference], others: Mapping[str, str | None]
) -> list[Breach]:
    """Return all that does not agree.

    `others` are the texts of the files that pins say to be used in and that name no image themselves, such as
    a pipeline's module; None for a file that does not exist.
    """
    by_image = {pin.image: pin for pin in pins.values()}
    seen = list(found)
    return [*_of_references(by_image, seen), *_of_pins(pins, seen, others)]


def unknown_digests(pins: Mapping[str, Pin]) -> list[str]:
    """Return the names of the pins whose digest is not known."""
    return [name for name, pin in pins.items() if not pin.digest]


def texts(root: Path, pins: Mapping[str, Pin], found: Sequence[Reference]) -> dict[str, str | None]:
    """Read the files that pins name and in which no image reference was found."""
    named = {file for pin in pins.values() for file in pin.used_in} - {one.file for one in found}
    return {file: (root / file).read_text("utf-8") if (root / file).is_file() else None for file in named}


def _of_references(by_image: Mapping[str, Pin], found: Sequence[Reference]) -> Iterator[Breach]:
    for one in found:
        where = f"{one.file}:{one.line}"
        image = parse_reference(one.text)
        pin = by_image.get(image.name)
        if pin is None:
            yield Breach(where, f"{one.text} is not in {PIN_FILE}")
        elif one.text != pin.reference:
            yield Breach(where, f"{one.text} is not the pinned {pin.reference}")
        elif one.file not in pin.used_in:
            yield Breach(where, f"{PIN_FILE} does not say that {image.name} is used here")


def _of_pins(
    pins: Mapping[str, Pin], found: Sequence[Reference], others: Mapping[str, str | None]
) -> Iterator[Breach]:
    using = {(parse_reference(one.text).name, one.file) for one in found}
    for name, pin in pins.items():
        where = f"{PIN_FILE}: {name}"
        if pin.floating:
            yield Breach(where, f"the tag {pin.tag!r} names no version")
        if not pin.used_in:
            yield Breach(where, "nothing uses it")
        for file in pin.used_in:
            text = others.get(file)
            if (pin.image, file) not in using and (text is None or f'"{name}"' not in text):
                yield Breach(where, f"{file} does not use it")
