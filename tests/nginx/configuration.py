"""Reads the shipped configuration as nginx does."""

import re
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


def chosen(path: str) -> str:
    """Return the location that nginx chooses for a path, as it is written.

    An exact one; else the longest beginning if it is `^~`; else the first regular expression; else that
    beginning (nginx's own words on the directive `location`).
    """
    written = [found.arguments for found in directives() if found.name == "location"]
    if ("=", path) in written:
        return f"= {path}"
    begins = [one for one in written if one[0] == "^~" or one[0].startswith("/")]
    longest = max((one for one in begins if path.startswith(one[-1])), key=lambda one: len(one[-1]))
    if longest[0] != "^~":
        for one in written:
            flags = {"~": 0, "~*": re.IGNORECASE}.get(one[0])
            if flags is not None and re.search(one[1], path, flags):
                return " ".join(one)
    return " ".join(longest)


def _flat(block: list[dict[str, Any]], inside: tuple[str, ...]) -> Iterator[Directive]:
    for entry in block:
        name, arguments = entry["directive"], tuple(entry["args"])
        yield Directive(name, arguments, Path(entry["file"]).name, inside)
        yield from _flat(entry.get("block", []), (*inside, name))
