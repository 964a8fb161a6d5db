"""Numbers of four bytes apart by their bytes: all first ones, then all second ones, and so on.

The exponents of vectors lie together then, and pack; the low bytes of their fractions never do.
"""

from backports import zstd

WIDTH = 4
_SAMPLE = 16 * 1024
_GAIN = 0.97
"""What is packed has to become at least so much smaller by it."""


def split(chunk: bytes) -> bytes:
    """Return the bytes of each place of all whole numbers in turn, then those that are left over."""
    end = len(chunk) // WIDTH * WIDTH
    return b"".join([*(chunk[place:end:WIDTH] for place in range(WIDTH)), chunk[end:]])


def join(planes: bytes) -> bytes:
    """Return the chunk that was split."""
    count = len(planes) // WIDTH
    chunk = bytearray(planes)
    for place in range(WIDTH):
        chunk[place : count * WIDTH : WIDTH] = planes[place * count : (place + 1) * count]
    return bytes(chunk)


def pay(chunk: bytes, level: int) -> bool:
    """Tell by a part of a chunk whether it packs better when it is split."""
    start = max(0, (len(chunk) - _SAMPLE) // 2)
    sample = chunk[start : start + _SAMPLE]
    # Each by itself: so short, they would be packed by one table of symbols, which a chunk's are not.
    apart = sum(len(zstd.compress(sample[place::WIDTH], level)) for place in range(WIDTH))
    return apart < _GAIN * len(zstd.compress(sample, level))
