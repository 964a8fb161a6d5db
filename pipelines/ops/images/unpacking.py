"""Layers to plain tars on disk, each byte under its digest and bounded in size."""

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from backports import zstd

from pipelines.ops.errors import DamagedError
from pipelines.ops.images.reading import Layer
from pipelines.ops.images.source import Source

CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def unpack(source: Source, layer: Layer, into: Path) -> None:
    """Write the tar of a layer to a new file. Raises DamagedError that names the layer."""
    with source.open(layer.name) as file, into.open("xb") as out:
        packed = _Summed(file)
        content = hashlib.sha256()
        written = 0
        try:
            plain = _decoded(packed)
            while chunk := plain.read(CHUNK):
                written += len(chunk)
                if written > source.limits.layer:
                    raise _damaged(layer, f"unpacks to more than {source.limits.layer} bytes")
                content.update(chunk)
                out.write(chunk)
        except (gzip.BadGzipFile, EOFError, zlib.error, zstd.ZstdError) as error:
            raise _damaged(layer, f"cannot be unpacked: {error}") from error
        packed.drain()
    if layer.digest is not None and (packed.digest != layer.digest or packed.count != layer.size):
        raise _damaged(layer, f"is not what its digest says, but {packed.digest} of {packed.count} bytes")
    if f"sha256:{content.hexdigest()}" != layer.diff_id:
        raise _damaged(layer, f"does not unpack to the content that its config names, {layer.diff_id}")


def _damaged(layer: Layer, what: str) -> DamagedError:
    return DamagedError(f"{layer} {what}.", "This copy is damaged; save the image again.")


class _Summed(io.RawIOBase):
    """A file that sums up what is read from it; only its start may be read twice."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self._ahead = file.read(len(_ZSTD))
        self._sum.update(self._ahead)
        self.count = len(self._ahead)
        self.start = self._ahead

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        content, self._ahead = self._ahead[: len(view)], self._ahead[len(view) :]
        if not content:
            content = self._file.read(len(view))
            self._sum.update(content)
            self.count += len(content)
        view[: len(content)] = content
        return len(content)

    def drain(self) -> None:
        """Sum up what the decoder left."""
        while self.read(CHUNK):
            pass

    @property
    def digest(self) -> str:
        """Return the digest of what has been read."""
        return f"sha256:{self._sum.hexdigest()}"


def _decoded(packed: _Summed) -> BinaryIO:
    buffered = io.BufferedReader(packed, CHUNK)
    if packed.start.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if packed.start == _ZSTD:
        return cast("BinaryIO", zstd.ZstdFile(buffered))
    return buffered
