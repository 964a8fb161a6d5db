"""Read and write the manifest of a multi-part AOF (Redis 7 and later, `aof.c`).

Each line holds pairs of a name and a value, as `file appendonly.aof.1.base.rdb seq 1 type b`; later versions
add pairs (Redis 8: `startoffset`, `endoffset`), so pairs are read by name. A file name may be quoted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.ops.errors import DamagedError

_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+))')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_KINDS: dict[str, Literal["base", "increment", "history"]] = {"b": "base", "i": "increment", "h": "history"}


@dataclass(frozen=True, slots=True)
class AofPart:
    """One file of a multi-part AOF; history files are no part of the data any more."""

    file: str
    sequence: int
    kind: Literal["base", "increment", "history"]


def parse_manifest(content: bytes, name: str) -> tuple[AofPart, ...]:
    """Return the base, if there is one, and the increments in order. Raises DamagedError, naming `name`."""
    try:
        lines = content.decode().splitlines()
        parts = [_part(line) for line in lines if line.strip() and not line.startswith("#")]
        return _ordered(parts)
    except ValueError as error:
        raise DamagedError(
            f"The AOF manifest {name} cannot be used: {error}.",
            "Look at it; Redis itself would not start on it either.",
        ) from error


def write_manifest(base: str | None, increments: Sequence[str]) -> str:
    """Return a manifest of files whose names need no quotes."""
    lines = [f"file {base} seq 1 type b"] if base else []
    lines += [f"file {file} seq {number} type i" for number, file in enumerate(increments, start=1)]
    return "\n".join([*lines, ""])


def _ordered(parts: Sequence[AofPart]) -> tuple[AofPart, ...]:
    bases = [part for part in parts if part.kind == "base"]
    increments = [part for part in parts if part.kind == "increment"]
    numbers = [part.sequence for part in increments]
    if len(bases) > 1:
        raise ValueError("it names two base files")
    if numbers != sorted(set(numbers)):
        raise ValueError("its increments are not in order")
    if not bases and not increments:
        raise ValueError("it names no file")
    if len({part.file for part in [*bases, *increments]}) < len(bases) + len(increments):
        raise ValueError("it names a file twice")
    return (*bases, *increments)


def _part(line: str) -> AofPart:
    words = list(_words(line))
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or len(pairs) * 2 != len(words) or not {"file", "seq", "type"} <= pairs.keys():
        raise ValueError(f"the line {line!r} is not made of file, seq and type")
    if pairs["type"] not in _KINDS or not pairs["seq"].isdigit():
        raise ValueError(f"the line {line!r} has an unknown type or no number")
    return AofPart(_plain(pairs["file"]), int(pairs["seq"]), _KINDS[pairs["type"]])


def _plain(file: str) -> str:
    if not file or file in {".", ".."} or not file.isprintable() or "/" in file or "\\" in file:
        raise ValueError(f"{file!r} is no plain file name")
    return file


def _words(line: str) -> Iterator[str]:
    position, line = 0, line.rstrip()
    while position < len(line):
        found = _WORD.match(line, position)
        if found is None or (found.end() < len(line) and not line[found.end()].isspace()):
            raise ValueError(f"the line {line!r} has unbalanced quotes")
        double, single, bare = found.groups()
        if bare is not None and bare[0] in "\"'":
            raise ValueError(f"the line {line!r} has unbalanced quotes")
        if double is not None:
            yield _ESCAPE.sub(_unescaped, double)
        else:
            yield bare if bare is not None else single.replace("\\'", "'")
        position = found.end()


def _unescaped(found: re.Match[str]) -> str:
    text = found[1]
    return chr(int(text[1:], 16)) if len(text) > 1 else _CONTROLS.get(text, text)
