"""A stack that somebody else has started, as its environment names it: where it is, and what lets one in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.browser.beside import Beside

SITE = "SYNAPSE_TEST_SITE"


@dataclass(frozen=True, slots=True)
class Served(Beside):
    """Production behind nginx at `url`; `token` is the API's, `password` that of the Redis named `redis`."""

    url: str
    token: str
    password: str

    @property
    def headers(self) -> dict[str, str]:
        """What a program shows to be let in."""
        return {"Authorization": f"Bearer {self.token}"}

    def redis(self) -> redis.Redis:
        """Return a client of the stack's Redis."""
        return redis.Redis("redis", password=self.password, socket_timeout=30)


def served(environ: Mapping[str, str] = os.environ, secrets: Path = Path("/run/secrets")) -> Served:
    """Return the stack that SYNAPSE_TEST_SITE names; its secrets are files."""
    return Served(
        environ[SITE],
        (secrets / "api_token").read_text().strip(),
        (secrets / "redis_password").read_text().strip(),
    )
