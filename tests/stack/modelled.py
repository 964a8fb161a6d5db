"""Production in containers whose answers a model server of this machine writes, as a test tells it to."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.doubles import ModelServer, serving
from tests.stack.deployment import QUICK
from tests.stack.engine import Engine
from tests.stack.whole import Whole, whole_stack

GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"


@pytest.fixture(scope="module")
def model() -> ModelServer:
    """Return a model server whose behaviour a test chooses."""
    return ModelServer()


@pytest.fixture(scope="module")
def site(docker: Engine, model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run production, its answers written by the model server on the host."""
    gateway = docker.docker("network", "inspect", "bridge", "--format", GATEWAY).strip()
    with serving(model.app(), gateway) as model.url:
        line = f"MODEL_PARROT_URL=http://host.docker.internal:{model.url.rpartition(':')[2]}"
        with whole_stack(docker, tmp_path_factory.mktemp("workers"), QUICK, line) as running:
            yield running


def titles_of(site: Whole) -> list[str]:
    """Return the title of every document."""
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 100}
    with site.client() as client:
        while True:
            page = client.get("/api/documents", params=asked).raise_for_status().json()
            found += [one["title"] for one in page["documents"]]
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]
