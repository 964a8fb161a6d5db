"""`synapse up` serves the page that is built here, unless another is named or there is none."""

from pathlib import Path

import httpx

from pipelines.ops.localstack import LocalStack
from pipelines.ops.localstack.page import with_page
from pipelines.ops.reporting import SilentReporter
from tests.ops.localstack.stacks import environment, settings_of


def test_the_built_page_is_served(tmp_path: Path) -> None:
    """At the address of the backend, with the policy that allows no inline script."""
    (tmp_path / "dist").mkdir()
    settings = settings_of(environment(tmp_path))
    assert with_page(settings, tmp_path / "dist") is settings
    (tmp_path / "dist" / "index.html").write_text("<!doctype html><html>The page")
    found = with_page(settings, tmp_path / "dist")
    assert with_page(found, tmp_path / "other") is found
    with LocalStack(found, environment(tmp_path), SilentReporter()) as stack:
        answer = httpx.get(f"{stack.url}/", trust_env=False)
    assert "The page" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
