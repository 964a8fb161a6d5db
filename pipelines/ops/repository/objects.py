"""One object: a chunk of a file, packed, and named by the BLAKE3 hash of its plain bytes.

A chunk that resembles older ones may be packed as what it differs in from these, its anchors (`deltas.py`).
Then a tag of the anchors is added to its name, so that what lies under a name never depends on who wrote it.
"""

import re
from collections.abc import Sequence

from backports import zstd

from pipelines.ops.errors import DamagedError
from pipelines.ops.repository import deltas, planes
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.sealed import ForeignValueError, id_key
from pipelines.ops.repository.store import AbsentError, ObjectStore, TooLargeError, UnreadableError

RAW = b"R"
ZSTD = b"Z"
PLANES = b"P"
LEVEL = 3
_LEVEL_OF_PLANES = 1
"""What packs in planes is found at once; higher levels take twice the time and give no less."""
MAX_OBJECT = 1 + MAX_CHUNK
MIN_OBJECT = 2
ID = re.compile(r"[0-9a-f]{64}")
"""The id of a chunk, which is the name of an object that stands alone."""
NAME = re.compile(rf"{ID.pattern}(?:-[0-9a-f]{{{deltas.TAG}}})?")
"""The name of an object: the id of its chunk, and the tag of its anchors where it has any."""
_ID_BYTES = 32

# The window of a chunk's frame never passes its size; the decoder's own limit lets a forged one take 128 MB.
_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MAX_CHUNK.bit_length() - 1}


class ObjectDamagedError(DamagedError):
    """An object is missing or is not what its name says; `why` is the short form for a list of problems.

    `anchored` tells that nothing is wrong but with an anchor of it.
    """

    def __init__(self, identity: str, why: str, place: str, *, anchored: bool = False) -> None:
        super().__init__(
            f"Object {identity} in {place} {why}.",
            "Restore another point; `synapse repair` lets the next backup write that object anew.",
        )
        self.identity = identity
        self.why = why
        self.anchored = anchored


def object_key(identity: str) -> str:
    """Return the key of an object, by its name."""
    return f"objects/{identity[:2]}/{identity}"


def identity_of(key: str) -> str | None:
    """Return the name of the object that lies under a key, or None when no object does."""
    identity = key.rpartition("/")[2]
    return identity if NAME.fullmatch(identity) and key == object_key(identity) else None


def terse(identity: str) -> bytes:
    """Return the name of an object as bytes, for those who hold many: 32, or 48 when it has anchors."""
    return bytes.fromhex(identity.replace("-", ""))


def verbose(name: bytes) -> str:
    """Return the name that `terse` made short."""
    return "-".join(part.hex() for part in (name[:_ID_BYTES], name[_ID_BYTES:]) if part)


def delta_name(identity: str, anchors: Sequence[str]) -> str:
    """Return the name of a chunk that is packed as its difference from anchors."""
    return f"{identity}-{deltas.tag(anchors)}"


def has_anchors(identity: str) -> bool:
    """Tell by its name whether an object needs others to be read."""
    return "-" in identity


def identify(chunk: bytes, key: bytes | None = None) -> str:
    """Return the id of a chunk: its BLAKE3 hash as 64 hexadecimal digits, keyed where the store is sealed."""
    return digest(chunk, key)


def pack(chunk: bytes) -> bytes:
    """Return the stored form: one letter for the packing, and the chunk, compressed when that pays."""
    if planes.pay(chunk, LEVEL):
        form, packed = PLANES, zstd.compress(planes.split(chunk), _LEVEL_OF_PLANES)
    else:
        form, packed = ZSTD, zstd.compress(chunk, LEVEL)
    return form + packed if len(packed) < len(chunk) - len(chunk) // 64 else RAW + chunk


def plausible(stored: int | None, plain: int = MAX_CHUNK) -> bool:
    """Tell whether an object of this size in bytes could hold a chunk of `plain` bytes."""
    return stored is not None and MIN_OBJECT <= stored <= 1 + plain


def read_object(store: ObjectStore, identity: str) -> bytes:
    """Return the plain chunk, verified; `ObjectDamagedError` when it is missing or anything else."""
    return read_both(store, identity)[1]


def read_both(store: ObjectStore, identity: str) -> tuple[bytes, bytes]:
    """Return the stored form and the plain chunk, verified; see `read_object`."""
    data = _read(store, identity)
    plain = _unpack_delta(store, identity, data) if has_anchors(identity) else _unpack(data)
    if plain is None:
        raise ObjectDamagedError(identity, "cannot be unpacked", store.place)
    if identify(plain, id_key(store)) != identity.partition("-")[0]:
        raise ObjectDamagedError(identity, "has other bytes than its name says", store.place)
    return data, plain


def anchors_of(store: ObjectStore, identity: str) -> tuple[str, ...]:
    """Return the ids of the objects that one needs to be read; see `read_object` for what it raises."""
    return _anchors(store, identity, _read(store, identity)) if has_anchors(identity) else ()


def _read(store: ObjectStore, identity: str) -> bytes:
    try:
        return store.get(object_key(identity), limit=MAX_OBJECT)
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


def _anchors(store: ObjectStore, identity: str, data: bytes) -> tuple[str, ...]:
    anchors = deltas.anchors(data)
    if anchors is None or delta_name(identity.partition("-")[0], anchors) != identity:
        raise ObjectDamagedError(identity, "names other anchors than its name says", store.place)
    return anchors


def _unpack_delta(store: ObjectStore, identity: str, data: bytes) -> bytes | None:
    parts = []
    for anchor in _anchors(store, identity, data):
        try:
            parts.append(read_object(store, anchor))
        except ObjectDamagedError as error:
            raise ObjectDamagedError(
                identity, f"needs object {anchor}, which {error.why}", store.place, anchored=True
            ) from error
    return deltas.unpack(data, parts)


def _unpack(data: bytes) -> bytes | None:
    form, body = data[:1], memoryview(data)[1:]
    if form == RAW:
        return bytes(body)
    if form not in {ZSTD, PLANES}:
        return None
    decoder = zstd.ZstdDecompressor(options=_OPTIONS)
    try:
        # One byte more than allowed is asked for, so that a bomb shows itself without being unpacked.
        chunk = decoder.decompress(body, max_length=MAX_CHUNK + 1)
    except zstd.ZstdError:
        return None
    if not decoder.eof or decoder.unused_data or len(chunk) > MAX_CHUNK:
        return None
    return planes.join(chunk) if form == PLANES else chunk
