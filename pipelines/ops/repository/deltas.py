"""A chunk packed as what it differs in from other chunks, its anchors: zstd with these as its prefix.

An anchor is an object that stands alone, so no chain grows: whatever is restored needs two reads at most.
The letter, the number of anchors in one byte, their ids in 32 bytes each, and the frame.
"""

from collections.abc import Sequence

from backports import zstd
from blake3 import blake3

from pipelines.ops.repository.config import MAX_CHUNK

DELTA = b"D"
MAX_ANCHORS = 4
TAG = 32
"""Hexadecimal digits of the hash of the anchors' ids, in the name of an object."""
_ID = 32
_HEAD = 2
_WINDOW_LOG = ((MAX_ANCHORS + 1) * MAX_CHUNK - 1).bit_length()

_COMPRESS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    # Without it, the table of a level this low forgets most of the prefix before it is needed.
    zstd.CompressionParameter.enable_long_distance_matching: 1,
}
_DECOMPRESS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}


def tag(anchors: Sequence[str]) -> str:
    """Return the digits that tell these anchors, in this order, from others: BLAKE3 of their ids."""
    return blake3(b"".join(map(bytes.fromhex, anchors))).hexdigest()[:TAG]


def pack(chunk: bytes, anchors: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the stored form of a chunk beside one to four anchors: their ids and plain bytes."""
    prefix = b"".join(plain for _, plain in anchors)
    window = max(10, (len(prefix) + len(chunk) - 1).bit_length())
    options = {**_COMPRESS, zstd.CompressionParameter.window_log: window}
    head = b"".join(bytes.fromhex(identity) for identity, _ in anchors)
    dictionary = zstd.ZstdDict(prefix, is_raw=True).as_prefix
    return DELTA + bytes([len(anchors)]) + head + zstd.compress(chunk, options=options, zstd_dict=dictionary)


def anchors(data: bytes) -> tuple[str, ...] | None:
    """Return the ids of the anchors that a stored form names; None when it is none of a delta."""
    count = data[1] if len(data) > _HEAD and data[:1] == DELTA else 0
    end = _HEAD + count * _ID
    if not 1 <= count <= MAX_ANCHORS or len(data) <= end:
        return None
    return tuple(data[at : at + _ID].hex() for at in range(_HEAD, end, _ID))


def unpack(data: bytes, parts: Sequence[bytes]) -> bytes | None:
    """Return the chunk, given the plain bytes of its anchors; None when the frame is not whole."""
    dictionary = zstd.ZstdDict(b"".join(parts), is_raw=True).as_prefix
    body = memoryview(data)[_HEAD + len(parts) * _ID :]
    try:
        decoder = zstd.ZstdDecompressor(zstd_dict=dictionary, options=_DECOMPRESS)
        # One byte more than allowed is asked for, so that a bomb shows itself without being unpacked.
        chunk = decoder.decompress(body, max_length=MAX_CHUNK + 1)
    except zstd.ZstdError:
        return None
    whole = decoder.eof and not decoder.unused_data and len(chunk) <= MAX_CHUNK
    return chunk if whole else None
