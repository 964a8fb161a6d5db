"""One object: a chunk of a file, packed, and named by the BLAKE3 hash of its plain bytes."""

import re

from backports import zstd

from pipelines.ops.errors import DamagedError
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.sealed import ForeignValueError, id_key
from pipelines.ops.repository.store import AbsentError, ObjectStore, TooLargeError, UnreadableError

RAW = b"R"
ZSTD = b"Z"
LEVEL = 3
MAX_OBJECT = 1 + MAX_CHUNK
MIN_OBJECT = 2
ID = re.compile(r"[0-9a-f]{64}")

# The window of a chunk's frame never passes its size; the decoder's own limit lets a forged one take 128 MB.
_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MAX_CHUNK.bit_length() - 1}


class ObjectDamagedError(DamagedError):
    """An object is missing or is not what its name says; `why` is the short form for a list of problems."""

    def __init__(self, identity: str, why: str, place: str) -> None:
        super().__init__(
            f"Object {identity} in {place} {why}.",
            "Restore another point; `synapse repair` lets the next backup write that object anew.",
        )
        self.identity = identity
        self.why = why


def object_key(identity: str) -> str:
    """Return the key of an object."""
    return f"objects/{identity[:2]}/{identity}"


def identity_of(key: str) -> str | None:
    """Return the id of the object that lies under a key, or None when no object does."""
    identity = key.rpartition("/")[2]
    return identity if ID.fullmatch(identity) and key == object_key(identity) else None


def identify(chunk: bytes, key: bytes | None = None) -> str:
    """Return the id of a chunk: its BLAKE3 hash as 64 hexadecimal digits, keyed where the store is sealed."""
    return digest(chunk, key)


def pack(chunk: bytes) -> bytes:
    """Return the stored form: one letter for the packing, and the chunk, compressed when that pays."""
    packed = zstd.compress(chunk, LEVEL)
    return ZSTD + packed if len(packed) < len(chunk) - len(chunk) // 64 else RAW + chunk


def plausible(stored: int | None, plain: int = MAX_CHUNK) -> bool:
    """Tell whether an object of this size in bytes could hold a chunk of `plain` bytes."""
    return stored is not None and MIN_OBJECT <= stored <= 1 + plain


def read_object(store: ObjectStore, identity: str) -> bytes:
    """Return the plain chunk, verified; `ObjectDamagedError` when it is missing or anything else."""
    return read_both(store, identity)[1]


def read_both(store: ObjectStore, identity: str) -> tuple[bytes, bytes]:
    """Return the stored form and the plain chunk, verified; see `read_object`."""
    try:
        data = store.get(object_key(identity), limit=MAX_OBJECT)
    except AbsentError as error:
        raise ObjectDamagedError(identity, "is missing", store.place) from error
    except ForeignValueError as error:
        raise ObjectDamagedError(
            identity, "does not open: it was changed, or is another", store.place
        ) from error
    except UnreadableError as error:
        raise ObjectDamagedError(identity, "cannot be read", store.place) from error
    except TooLargeError as error:
        raise ObjectDamagedError(identity, "is larger than any object", store.place) from error
    chunk = _unpack(data)
    if chunk is None:
        raise ObjectDamagedError(identity, "cannot be unpacked", store.place)
    if identify(chunk, id_key(store)) != identity:
        raise ObjectDamagedError(identity, "has other bytes than its name says", store.place)
    return data, chunk


def _unpack(data: bytes) -> bytes | None:
    form, body = data[:1], memoryview(data)[1:]
    if form == RAW:
        return bytes(body)
    if form != ZSTD:
        return None
    decoder = zstd.ZstdDecompressor(options=_OPTIONS)
    try:
        # One byte more than allowed is asked for, so that a bomb shows itself without being unpacked.
        chunk = decoder.decompress(body, max_length=MAX_CHUNK + 1)
    except zstd.ZstdError:
        return None
    whole = decoder.eof and not decoder.unused_data and len(chunk) <= MAX_CHUNK
    return chunk if whole else None
