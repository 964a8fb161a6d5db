"""The page of the API in a real browser, where one is installed: drawn, with nothing blocked."""

import shutil
from pathlib import Path

import anyio
import pytest

from tests.app.doubles import serving
from tests.app.running import served

pytestmark = pytest.mark.anyio
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
    "--dump-dom",
)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
async def test_the_docs_are_drawn_under_the_policy(tmp_path: Path) -> None:
    """Every operation is on the page, and nothing was refused on the way."""
    async with served(tmp_path) as (app, _):
        paths = app.openapi()["paths"]
        with serving(app) as url:
            # The part behind # opens one operation with its form and its examples.
            address = f"{url}/api/docs#/queries/query"
            command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}/browser", address]
            with anyio.fail_after(60):
                done = await anyio.run_process(command)
    page, console = done.stdout.decode(), done.stderr.decode()
    assert "Content Security Policy" not in console
    assert "Failed to load" not in console
    for path in paths:
        assert f'data-path="{path}"' in page
    assert "Authorize" in page
    assert "Answer a question from the documents." in page
    assert "opblock-section-request-body" in page
