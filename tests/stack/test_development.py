"""Development in a real browser: edits are shown without a reload, and what dies or hangs comes back."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import chromium_running, profile
from tests.servers import answering
from tests.stack.deployment import DEVELOPMENT, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.processes import check_unprivileged, seen_in_ops, seen_until
from tests.unchecked import not_checked
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def made(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run development."""
    files = (*DEVELOPMENT, "tests/stack/quick.yml")
    with deployed(docker, tmp_path_factory.mktemp("development"), files) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def browser(made: Deployment) -> Iterator[Browser]:
    """Run Chromium."""
    if shutil.which("chromium") is None:
        not_checked("the page in a browser, no Chromium on this machine")
    with chromium_running(shutil.which("chromium")) as browser:
        yield browser


@pytest.fixture
def page(made: Deployment, browser: Browser) -> Iterator[Page]:
    """Open the page of Vite."""
    with profile(browser, made.page, patience_s=30) as context:
        page = context.new_page()
        page.goto("/")
        yield page


def edit(path: Path, old: str, new: str) -> None:
    """Change a source in place, as an editor does."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("container", "owner"), [("synapse_redis", 999), ("synapse_backend", 1000), ("synapse_frontend", 1000)]
)
def test_no_process_is_root_or_may_more(made: Deployment, container: str, owner: int) -> None:
    """As in production: the init, all below it and the health check are of another user and may nothing."""
    seen = seen_until(made, container, "heal.sh")
    assert len(seen) > 2
    check_unprivileged(seen, owner)


def test_no_process_of_ops_is_root_or_may_more(made: Deployment) -> None:
    """While a backup is under way."""
    seen = seen_in_ops(made, "backup")
    for command in ("docker-init", "bin/synapse backup", "redis-server"):
        assert any(command in process.command for process in seen), command
    check_unprivileged(seen, 1000)


def test_an_edit_is_shown_without_going_anywhere(made: Deployment, page: Page) -> None:
    """The open page shows the new words; it is the same page, with what was typed into it."""
    expect(page.get_by_role("link", name="New question")).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    edit(made.folder / "frontend/src/app/shell.tsx", "/> New question", "/> New wonder")
    expect(page.get_by_role("link", name="New wonder")).to_be_visible()
    assert page.evaluate("window.neverReloaded === true")


def test_the_page_asks_the_backend_through_vite(made: Deployment, page: Page) -> None:
    """A document is added and listed by the page's own origin."""
    body = {"title": "Fern", "text": "A fern has spores."}
    added = httpx.post(f"{made.page}/api/documents", json=body, trust_env=False)
    assert added.status_code == 201, added.text
    page.goto("/documents")
    expect(page.get_by_role("link", name="Fern").first).to_be_visible()
    assert made.healthy("synapse_frontend")


def test_an_edited_python_file_is_served(made: Deployment) -> None:
    """Through Vite, by the same container."""
    first = made.started("synapse_backend")
    edit(made.folder / "app/api/application.py", 'title="Synapse"', 'title="Synapse reloaded"')
    wait_until(lambda: "Synapse reloaded" in _text(made, "/api/openapi.json"), "it is served")
    assert made.started("synapse_backend") == first


def test_without_its_development_server_hot_reload_is_red(made: Deployment) -> None:
    """The checklist says which part is away, and is green again with it."""
    made.compose("stop", "--timeout", "3", "frontend")
    try:
        assert "development server is not up" in _line(made, "hot reload")["reason"]
    finally:
        made.up()
    assert _line(made, "hot reload")["state"] == "green"


def test_another_has_the_port_of_the_page(made: Deployment) -> None:
    """The checklist names the line of .env to change; with a free port there the page is served."""
    made.compose("rm", "--force", "--stop", "frontend")
    settings = made.folder / ".env"
    kept = settings.read_text()
    with answering(b"") as port:
        settings.write_text(kept.replace(f"PAGE_PORT={made.ports['PAGE_PORT']}", f"PAGE_PORT={port}"))
        try:
            assert made.compose("up", "--detach", "--no-build", "frontend", check=False).returncode
            line = _line(made, "container frontend")
        finally:
            settings.write_text(kept)
    assert (line["state"], f"PAGE_PORT={port}" in line["remedy"]) == ("red", True), line
    made.compose("rm", "--force", "--stop", "frontend")
    made.up()
    assert _line(made, "page")["state"] == "green"


def test_without_its_sources_hot_reload_is_red(made: Deployment) -> None:
    """A backend that watches sources which are not those of this folder serves no edit."""
    backend = made.folder / "docker-compose.override.yml"
    kept = backend.read_text()
    assert "- ./app:/app/app" in kept
    backend.write_text(kept.replace("- ./app:/app/app", "- ./app:/app/elsewhere"))
    try:
        made.up()
        assert "the sources are not mounted" in _line(made, "hot reload")["reason"]
    finally:
        backend.write_text(kept)
        made.up()
    assert _line(made, "hot reload")["state"] == "green"


def test_a_repository_on_the_disk_of_the_data_is_amber(made: Deployment) -> None:
    """As it is after a first start: one broken disk would take both."""
    assert made.synapse("backup").returncode == 0
    line = _line(made, "repository disk")
    assert (line["state"], "one broken disk takes both" in line["reason"]) == ("amber", True), line


def _line(made: Deployment, name: str) -> dict[str, str]:
    """Return the first line of that name in the checklist."""
    return next(one for one in made.checklist() if one["name"] == name)


def reloaded_child(made: Deployment) -> int:
    """Return the process that serves, which the watching one has started."""
    wait_until(lambda: _spawned(made), "the child runs")
    return _spawned(made)[0]


@pytest.mark.parametrize("way", ["SIGKILL", "SIGSTOP"])
def test_the_serving_child_comes_back(made: Deployment, way: str) -> None:
    """The one that watches lives on and holds the port; nothing answers there until the check ends it."""
    wait_until(lambda: made.healthy("synapse_backend"), "it was well once")
    first = made.started("synapse_backend")
    os.kill(reloaded_child(made), signal.Signals[way])
    wait_until(lambda: made.started("synapse_backend") != first, "it is started again", 120)
    wait_until(lambda: '"ok"' in _text(made, "/health"), "it serves again", 120)


@pytest.mark.parametrize("way", ["SIGKILL", "SIGSTOP"])
def test_vite_comes_back(made: Deployment, way: str) -> None:
    """Killed or hung: a new start of its container, and the page is served again."""
    wait_until(lambda: made.healthy("synapse_frontend"), "it was well once")
    first = made.started("synapse_frontend")
    made.strike("synapse_frontend", signal.Signals[way])
    wait_until(lambda: made.started("synapse_frontend") != first, "it is started again", 120)
    wait_until(lambda: "<html" in _text(made, "/"), "the page is served again", 120)


def _spawned(made: Deployment) -> list[int]:
    return [
        pid
        for pid in made.pids("synapse_backend")
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def _text(made: Deployment, path: str) -> str:
    try:
        return httpx.get(f"{made.page}{path}", trust_env=False, timeout=10).text
    except httpx.HTTPError:
        return ""
