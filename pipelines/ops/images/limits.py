"""How much an image may hold: what lies beyond is taken for a bomb, not for an image."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read from an image, in bytes unless said otherwise."""

    document: int = 8 << 20
    """An index, a manifest or a config."""
    layer: int = 32 << 30
    """A layer once it is unpacked, and the files in it together (holes of sparse files count)."""
    header: int = 16 << 20
    """What one tar header may ask to be held in memory: long names and extended attributes."""
    entries: int = 2_000_000
    """Names in one layer, or files in one tarball of an image."""
    images: int = 64
    """Platforms of one index."""


STANDARD = Limits()
