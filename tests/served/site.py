"""A stack that somebody else has started, as its environment names it: where it is, and what lets one in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

SITE = "SYNAPSE_TEST_SITE"


@dataclass(frozen=True, slots=True)
class Served:
    """Production behind nginx at `url`; `token` is the API's, `password` that of the Redis named `redis`."""

    url: str
    token: str
    password: str

    @property
    def headers(self) -> dict[str, str]:
        """What a program shows to be let in."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self) -> httpx.Client:
        """Return a client that is let in."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=60, trust_env=False)

    def redis(self) -> redis.Redis:
        """Return a client of the stack's Redis."""
        return redis.Redis("redis", password=self.password, socket_timeout=30)

    def add(self, title: str, text: str) -> str:
        """Add a document; return its id."""
        with self.client() as client:
            added = client.post("/api/documents", json={"title": title, "text": text})
        assert added.status_code == 201, added.text
        return str(added.json()["id"])

    def ask(self, session_id: str, question: str) -> None:
        """Ask a question beside the page."""
        with self.client() as client:
            client.post(
                "/api/query", json={"question": question, "session_id": session_id}
            ).raise_for_status()


def served(environ: Mapping[str, str] = os.environ, secrets: Path = Path("/run/secrets")) -> Served:
    """Return the stack that SYNAPSE_TEST_SITE names; its secrets are files."""
    return Served(
        environ[SITE],
        (secrets / "api_token").read_text().strip(),
        (secrets / "redis_password").read_text().strip(),
    )
