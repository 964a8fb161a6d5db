"""Documents over HTTP: added, listed, shown, deleted, refused."""

from pathlib import Path

import pytest

from tests.app.running import running

pytestmark = pytest.mark.anyio
PARROT = "The Norwegian Blue is a parrot. " * 60


async def test_a_text_is_added_shown_and_deleted(tmp_path: Path) -> None:
    """What was acknowledged can be read back; after its deletion it is gone everywhere."""
    async with running(tmp_path) as synapse:
        added = await synapse.add("Parrots", PARROT, id="parrot", metadata={"source": "zoo"})
        shown = await synapse.client.get("/api/documents/parrot")
        deleted = await synapse.client.delete("/api/documents/parrot")
        gone = await synapse.client.get("/api/documents/parrot")
        again = await synapse.client.delete("/api/documents/parrot")
        found = await synapse.client.post("/api/search", json={"text": "parrot"})

    assert added.status_code == 201
    assert added.json()["passages"] >= 2
    assert shown.json() == {**added.json(), "text": PARROT}
    assert shown.json()["metadata"] == {"source": "zoo"}
    assert (deleted.status_code, gone.status_code, again.status_code) == (204, 404, 404)
    assert found.json() == {"hits": []}


async def test_an_id_is_given_and_none_is_given_twice(tmp_path: Path) -> None:
    """Without an id a document gets one; an id in use is refused with 409."""
    async with running(tmp_path) as synapse:
        first = await synapse.add("One", "text")
        second = await synapse.add("Two", "text", id=first.json()["id"])

    assert len(first.json()["id"]) == 32
    assert second.status_code == 409
    assert "already" in second.json()["error"]["what"]


async def test_files_are_added_together_or_not_at_all(tmp_path: Path) -> None:
    """One bad file refuses its whole request, so that nobody must find out which were kept."""
    async with running(tmp_path) as synapse:
        good = {"files": ("a.md", b"# Parrots")}
        both = await synapse.client.post(
            "/api/documents/files", files=[("files", good["files"]), ("files", ("b.txt", b"Bananas"))]
        )
        mixed = await synapse.client.post(
            "/api/documents/files", files=[("files", good["files"]), ("files", ("c.pdf", b"%PDF"))]
        )
        listed = await synapse.client.get("/api/documents")

    assert [document["title"] for document in both.json()["documents"]] == ["a.md", "b.txt"]
    assert mixed.status_code == 415
    assert "c.pdf" in mixed.json()["error"]["what"]
    assert len(listed.json()["documents"]) == 2


@pytest.mark.parametrize(("order", "other"), [("oldest", "newest"), ("newest", "oldest")])
async def test_a_list_is_paged_and_its_cursor_ends_with_its_epoch(
    tmp_path: Path, order: str, other: str
) -> None:
    """Every document is on exactly one page; the cursor of another epoch or of the other order is refused."""
    async with running(tmp_path) as synapse:
        for number in range(5):
            await synapse.add(f"Document {number}", "text")
        titles: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            query = {"order": order, "limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await synapse.client.get("/api/documents", params=query)).json()
            titles += [document["title"] for document in page["documents"]]
            last, cursor = cursor, page["next"]
        bad = [
            f"order={order}&cursor=0ld:5:2",
            f"order={other}&cursor={last}",
            f"order={order}&cursor={last}x",
        ]
        refused = [await synapse.client.get(f"/api/documents?{query}") for query in bad]

    numbers = range(5) if order == "oldest" else reversed(range(5))
    assert titles == [f"Document {number}" for number in numbers]
    assert cursor is None
    assert [one.status_code for one in refused] == [409] * 3


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("a.exe", b"x", 415), ("a.txt", b"\xff", 415), ("a.txt", b" ", 422), ("a.txt", b"x" * 1001, 413)],
)
async def test_a_file_that_cannot_be_kept_is_refused(
    tmp_path: Path, name: str, content: bytes, status: int
) -> None:
    """Kind, encoding, emptiness and size have a status each."""
    async with running(tmp_path, max_document_bytes=1000) as synapse:
        response = await synapse.client.post("/api/documents/files", files={"files": (name, content)})

    assert response.status_code == status
    assert name in response.json()["error"]["what"]
    assert response.json()["error"]["hint"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"title": "", "text": "text"}, 422),
        ({"title": "T", "text": " "}, 422),
        ({"title": "T", "text": "x" * 1001}, 413),
        ({"title": "T", "text": "text", "id": "../etc/passwd"}, 422),
        ({"title": "T", "text": "text", "unknown": 1}, 422),
        ({"title": "T"}, 422),
    ],
)
async def test_a_text_that_cannot_be_kept_is_refused(
    tmp_path: Path, fields: dict[str, object], status: int
) -> None:
    """Every refusal says what failed."""
    async with running(tmp_path, max_document_bytes=1000) as synapse:
        response = await synapse.client.post("/api/documents", json=fields)

    assert response.status_code == status
    assert response.json()["error"]["what"]


async def test_without_an_embedder_nothing_is_stored(tmp_path: Path) -> None:
    """A model server that is away is 503 and leaves no half document."""
    async with running(tmp_path) as synapse:
        synapse.services.ingest._embedder.broken = True  # type: ignore[attr-defined]  # the double's switch
        refused = await synapse.add("Parrots", PARROT)
        listed = await synapse.client.get("/api/documents")

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert listed.json()["documents"] == []
