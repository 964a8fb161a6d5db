"""Reads the shipped configuration as nginx does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crossplane

from tests.nginx.front import CONFIGURATION


@dataclass(frozen=True)
class Directive:
    """One directive, in which file, inside which blocks (the outermost first)."""

    name: str
    arguments: tuple[str, ...]
    file: str
    inside: tuple[str, ...]


def directives() -> list[Directive]:
    """Return every directive of every file, where it takes effect."""
    parsed = crossplane.parse(str(CONFIGURATION / "nginx.conf"), combine=True)
    assert parsed["status"] == "ok", parsed["errors"]
    return list(_flat(parsed["config"][0]["parsed"], ()))


def locations() -> set[str]:
    """Return the locations as they are written: `= /ws`, `/`, ..."""
    return {" ".join(found.arguments) for found in directives() if found.name == "location"}


def _flat(block: list[dict[str, Any]], inside: tuple[str, ...]) -> Iterator[Directive]:
    for entry in block:
        name, arguments = entry["directive"], tuple(entry["args"])
        yield Directive(name, arguments, Path(entry["file"]).name, inside)
        yield from _flat(entry.get("block", []), (*inside, name))
