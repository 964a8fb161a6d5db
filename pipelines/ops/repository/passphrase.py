"""A passphrase, and the key that scrypt makes of it."""

import os
import unicodedata
from threading import Lock
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.ops.errors import OpsError, UsageError

LEAST = 12
"""Characters of a new passphrase, at least."""

MAX_MEMORY = 512 * 1024 * 1024
"""Bytes that a derivation may take; what asks for more was not written by Synapse."""

COST = 2**17
"""`n` of a new repository: 128 MiB, and a third of a second."""

_SALT = r"[0-9a-f]{64}"
_LENGTH = 32


class Scrypt(BaseModel):
    """The parameters of scrypt (RFC 7914): it takes 128 * n * r bytes of memory, p times over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["scrypt"] = "scrypt"
    n: int = Field(default=COST, ge=2**10, le=2**20)
    r: int = Field(default=8, ge=1, le=32)
    p: int = Field(default=1, ge=1, le=4)
    salt: str = Field(pattern=rf"^{_SALT}$")

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        if self.n & (self.n - 1):
            raise ValueError("n is no power of two")
        if self.memory > MAX_MEMORY:
            raise ValueError(f"it would take {self.memory} bytes of memory, more than {MAX_MEMORY}")
        return self

    @property
    def memory(self) -> int:
        """Bytes that a derivation takes."""
        return 128 * self.n * self.r


class Passphrase:
    """What a person knows. It derives the key for each set of parameters once, and shows itself nowhere.

    `n` is the cost of a repository that is made with it; see `Scrypt`.
    """

    def __init__(self, text: str, *, n: int = COST) -> None:
        # One form, because keyboards of different systems give different bytes for the same letters.
        self._bytes = unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
        self._n = n
        self._known: dict[Scrypt, bytes] = {}
        self._lock = Lock()

    def key(self, kdf: Scrypt) -> bytes:
        """Return the key of 32 bytes that these parameters make of it."""
        with self._lock:
            if kdf not in self._known:
                self._known[kdf] = _scrypt(self._bytes, kdf)
            return self._known[kdf]

    def new_kdf(self) -> Scrypt:
        """Return the parameters of a new repository, with a salt of its own."""
        return Scrypt(n=self._n, salt=os.urandom(_LENGTH).hex())

    def check_new(self) -> None:
        """Raise UsageError when it is too short to be chosen now."""
        if len(self._bytes.decode("utf-8", "surrogateescape")) < LEAST:
            raise UsageError(
                f"The new passphrase has fewer than {LEAST} characters.",
                "Take six words at random, for instance.",
            )


def _scrypt(passphrase: bytes, kdf: Scrypt) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Derivation  # noqa: PLC0415  # see `sealing`

    try:
        made = Derivation(bytes.fromhex(kdf.salt), _LENGTH, kdf.n, kdf.r, kdf.p)
        return made.derive(passphrase)
    except MemoryError as error:
        raise OpsError(
            f"There is no memory to open the repository: its key needs {kdf.memory} bytes for a moment.",
            "End other programs, or raise the memory limit of this one.",
        ) from error
