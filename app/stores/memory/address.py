"""Where a Redis server is and how to be let in: the one value that service and operations share."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A Redis server; its `repr` and `str` never show the password.

    `tls_ca` is a file with the certificate authority to trust; without it the system's are.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca: Path | None = None
    db: int = 0

    def __str__(self) -> str:
        scheme = "rediss" if self.tls else "redis"
        user = f"{self.username}@" if self.username else ""
        return f"{scheme}://{user}{self.host}:{self.port}/{self.db}"
