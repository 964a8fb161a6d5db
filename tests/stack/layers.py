"""What is in an image: its configuration and history, and every file of every layer, hidden or not."""

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.engine import Engine

_PROGRAMS = re.compile(r"/(?:s?bin|libexec|lib/gcc)/(?:.*/)?([^/]+)$")
_COMPILER = re.compile(
    r"(?:[\w.]+-)*"  # x86_64-linux-gnu-
    r"(?:gcc|g\+\+|cc|c\+\+|cc1(?:plus)?|collect2|cpp|clang(?:\+\+)?|tcc|gfortran|as|ld(?:\.(?:bfd|gold|lld))?"
    r"|make|cmake|rustc|cargo|go|gofmt)"
    r"(?:-\d+(?:\.\d+)*)?"  # -12
)


def is_compiler(path: str) -> bool:
    """Say whether a path of an image is that of a compiler, an assembler, a linker or a build tool."""
    program = _PROGRAMS.search(f"/{path.lstrip('./')}")
    return program is not None and _COMPILER.fullmatch(program[1]) is not None


def layers(engine: Engine, name: str) -> Iterator[tarfile.TarFile]:
    """Yield each layer of an image as an archive."""
    with _saved(engine, name) as image:
        for member in image.getmembers():
            if _is_layer(image, member):
                with tarfile.open(fileobj=image.extractfile(member)) as layer:
                    yield layer


def places(engine: Engine, name: str, word: bytes) -> list[str]:
    """Return where an image says a word: its configuration and history, names and contents of files."""
    with _saved(engine, name) as image:
        described = [one for one in image.getmembers() if one.isfile() and not _is_layer(image, one)]
        found = [one.name for one in described if word in _content(image, one)]
    for layer in layers(engine, name):
        found += [one.name for one in layer if _says(layer, one, word)]
    return found


def _says(archive: tarfile.TarFile, member: tarfile.TarInfo, word: bytes) -> bool:
    named = word in f"{member.name} {member.linkname}".encode()
    return named or (member.isfile() and word in _content(archive, member))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


@contextmanager
def _saved(engine: Engine, name: str) -> Iterator[tarfile.TarFile]:
    with tempfile.TemporaryDirectory(prefix="synapse-layers-") as folder:
        path = Path(folder) / "image.tar"
        command = [engine.client, "save", "--output", str(path), name]
        subprocess.run(command, env=dict(engine.environ), capture_output=True, check=True)
        with tarfile.open(path) as image:
            yield image


def _is_layer(image: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    file = image.extractfile(member)
    return file is not None and member.size > 0 and tarfile.is_tarfile(file)
