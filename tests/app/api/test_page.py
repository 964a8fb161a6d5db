"""The page and its files, where the service serves them itself, and the headers of every answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.api.headers import SECURITY
from app.errors import SynapseError
from app.main import create_app
from app.settings import Settings
from tests.app.api.signing_in import LOCKED
from tests.app.running import running

pytestmark = pytest.mark.anyio
INDEX = "<!doctype html><title>Synapse</title>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Return a folder as Vite leaves it, with a secret beside it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-4f2a.js").write_text("start()")
    (tmp_path / "secret").write_text("hidden")
    (folder / "assets" / "out.js").symlink_to(tmp_path / "secret")
    return folder


@contextmanager
def _with_headers(answers: list[httpx.Response]) -> Iterator[None]:
    yield
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY, answer.url


async def test_the_page_is_for_everybody_and_knows_its_own_addresses(tmp_path: Path, page: Path) -> None:
    """Every address that is none of the service's gives the page, also to one who has yet to sign in."""
    async with running(tmp_path, page_dir=page, **LOCKED) as synapse:
        got = {path: await synapse.client.get(path) for path in ("/", "/documents", "/documents/a/b?c=d")}
        head = await synapse.client.head("/")
        again = await synapse.client.get("/", headers={"If-None-Match": got["/"].headers["ETag"]})
    with _with_headers([*got.values(), head, again]):
        for answer in got.values():
            assert (answer.status_code, answer.text) == (200, INDEX)
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Content-Type"].startswith("text/html")
        assert (head.status_code, head.text, again.status_code) == (200, "", 304)


async def test_files_are_kept_for_ever_when_their_name_holds_their_hash(tmp_path: Path, page: Path) -> None:
    """Those of assets/ are immutable; one that is not there is 404, not the page."""
    async with running(tmp_path, page_dir=page) as synapse:
        script = await synapse.client.get("/assets/index-4f2a.js")
        icon = await synapse.client.get("/favicon.svg")
        missing = await synapse.client.get("/assets/index-old.js")
    with _with_headers([script, icon, missing]):
        assert script.text == "start()"
        assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert icon.headers["Cache-Control"] == "no-cache"
        assert icon.headers["Content-Type"] == "image/svg+xml"
        assert missing.status_code == 404
        assert missing.json()["error"]["what"]


@pytest.mark.parametrize(
    "path", ["/assets/../../secret", "/%2e%2e/secret", "/assets/%2e%2e%2f%2e%2e%2fsecret", "/assets/out.js"]
)
async def test_nothing_beside_the_folder_is_given(tmp_path: Path, page: Path, path: str) -> None:
    """No way up, written or linked, leads out of it."""
    async with running(tmp_path, page_dir=page) as synapse:
        answer = await synapse.client.get(path)
    assert "hidden" not in answer.text


async def test_what_is_the_service_s_stays_so(tmp_path: Path, page: Path) -> None:
    """An unknown address of the API, a method that it has not, and a write to the page are errors as ever."""
    async with running(tmp_path, page_dir=page) as synapse:
        answers = [
            await synapse.client.get("/api/nowhere"),
            await synapse.client.get("/ws"),
            await synapse.client.put("/api/documents"),
            await synapse.client.post("/"),
            await synapse.client.get("/health"),
            await synapse.client.get("/metrics"),
        ]
    with _with_headers(answers):
        assert [answer.status_code for answer in answers] == [404, 404, 405, 404, 200, 200]
        assert all(INDEX not in answer.text for answer in answers)


async def test_without_a_folder_there_is_no_page(tmp_path: Path) -> None:
    """As behind nginx, which has it."""
    async with running(tmp_path) as synapse:
        answer = await synapse.client.get("/")
    with _with_headers([answer]):
        assert answer.status_code == 404


def test_a_folder_without_a_page_is_refused(tmp_path: Path) -> None:
    """Before the service starts, with the name of the variable."""
    with pytest.raises(SynapseError, match="PAGE_DIR"):
        create_app(Settings(data_dir=tmp_path, page_dir=tmp_path))


async def test_answers_of_the_api_are_kept_nowhere(tmp_path: Path) -> None:
    """Neither a browser's cache nor a proxy's holds a document after its reader has signed out."""
    async with running(tmp_path) as synapse:
        answers = [
            await synapse.client.get("/api/documents"),
            await synapse.client.get("/api/documents/none"),
            await synapse.client.get("/api/login"),
        ]
    with _with_headers(answers):
        assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


async def test_the_docs_come_from_this_machine_under_the_same_policy(tmp_path: Path) -> None:
    """Each thing that the page names is served here; there is no script and no style in the page."""
    async with running(tmp_path, **LOCKED) as synapse:
        page = await synapse.client.get("/api/docs")
        names = [word.split('"')[1] for word in page.text.split() if word.startswith(("href=", "src="))]
        parts = [await synapse.client.get(name) for name in names]
        other = await synapse.client.get("/api/docs/core.py")
    with _with_headers([page, other, *parts]):
        assert len(parts) >= 5
        assert all(name.startswith("/api/") for name in names)
        assert {part.status_code for part in parts} == {200}
        assert "<style" not in page.text
        assert page.text.count("<script ") == page.text.count("<script") == 2
        assert other.status_code == 404
