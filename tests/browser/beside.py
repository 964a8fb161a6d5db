"""What tests do to a site beside its page, whoever runs it."""

from pathlib import Path

import httpx

from app.stores.index.layout import restore_marker

_PATIENCE_S = 60


class Beside:
    """A site with a page at `url`, whose API `backend_url` answers to those who show the `headers`."""

    url: str

    @property
    def backend_url(self) -> str:
        """Where the API is."""
        return self.url

    @property
    def headers(self) -> dict[str, str]:
        """What a program shows to be let in."""
        return {}

    def client(self) -> httpx.Client:
        """Return a client of the API that is let in."""
        return httpx.Client(
            base_url=self.backend_url, headers=self.headers, timeout=_PATIENCE_S, trust_env=False
        )

    def add(self, title: str, text: str) -> str:
        """Add a document; return its id."""
        with self.client() as client:
            added = client.post("/api/documents", json={"title": title, "text": text})
        assert added.status_code == 201, added.text
        return str(added.json()["id"])

    def ask(self, session_id: str, question: str) -> None:
        """Ask a question."""
        asked = {"question": question, "session_id": session_id}
        with self.client() as client:
            client.post("/api/query", json=asked).raise_for_status()


def mark_restore(data: Path, *, now: bool) -> None:
    """Lay the marker of a restore into the folder of the service's data, or take it away."""
    marker = restore_marker(data)
    if now:
        marker.write_text("{}")
        marker.chmod(0o644)  # whoever the service runs as
    else:
        marker.unlink()
