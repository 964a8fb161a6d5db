"""Seal bytes with AES-256-GCM under a name, and open them again: `backups/README.md` gives every step."""

import os
from collections.abc import Callable

OVERHEAD = 48
"""How many bytes a sealed value has more than a plain one: 32 of salt, 16 of tag."""

_SALT = 32
_KEY = 32
_NONCE = 12
_VALUE = b"synapse 1 value"


class BrokenSealError(Exception):
    """These bytes were not sealed with this key under this name, or were changed since."""


class Seal:
    """Seals and opens with one key of 32 bytes; any number of threads may use it.

    Each value has a key and a nonce of its own, by HKDF from a random salt of 256 bits. So no nonce is used
    twice with one key, however many values there are: two equal salts are to be expected after 2^128.
    """

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._key = key
        self._random = random

    def close(self, data: bytes, name: str) -> bytes:
        """Return the sealed form of some bytes; it opens under the same name only."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # see `derived`

        salt = self._random(_SALT)
        key, nonce = self._once(salt)
        return salt + AESGCM(key).encrypt(nonce, data, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Return the plain bytes, or raise BrokenSealError."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # see `derived`
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # see `derived`

        if len(sealed) < OVERHEAD:
            raise BrokenSealError
        key, nonce = self._once(sealed[:_SALT])
        try:
            return AESGCM(key).decrypt(nonce, memoryview(sealed)[_SALT:], name.encode())
        except InvalidTag as error:
            raise BrokenSealError from error

    def _once(self, salt: bytes) -> tuple[bytes, bytes]:
        both = derived(self._key, _VALUE, length=_KEY + _NONCE, salt=salt)
        return both[:_KEY], both[_KEY:]


def derived(key: bytes, label: bytes, *, length: int = _KEY, salt: bytes | None = None) -> bytes:
    """Return a key for the purpose that the label names: HKDF with SHA-256 (RFC 5869)."""
    # Who has no encrypted repository need not wait for these imports.
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(SHA256(), length, salt, label).derive(key)
