"""Both forms of the stack come up healthy, in the time that the requirements state, and serve."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.stack.deployment import DEVELOPMENT, PRODUCTION, Deployment, deployed, wait_until
from tests.stack.engine import Engine

REFERENCE_S = 30
SERVICES = ("redis", "backend", "frontend")
FORMS = {"development": DEVELOPMENT, "production": PRODUCTION}


def answers(made: Deployment, service: str) -> bool:
    """Say whether a service gives a good answer from inside its own container."""
    asked = {
        "redis": ("/bin/sh", "/usr/local/lib/synapse/check.sh"),
        "backend": ("python", "-m", "app.probe"),
        "frontend": ("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"),
    }
    if service == "frontend" and made.files == DEVELOPMENT:
        asked["frontend"] = (*asked["frontend"][:-1], "http://127.0.0.1:5173/")
    return made.engine.code("exec", f"synapse_{service}", *asked[service]) == 0


@dataclass
class Times:
    """Seconds of one service: from its own start to its first good answer, from `up` to healthy."""

    answered: float = 0.0
    healthy: float = 0.0


def watch(made: Deployment, service: str, began: float) -> Times:
    """Wait for a service that is about to be started, and take its times."""
    name, found = f"synapse_{service}", Times()
    wait_until(lambda: made.engine.code("exec", name, "true") == 0, f"{service} runs")
    started = datetime.fromisoformat(made.started(name)).timestamp()
    wait_until(lambda: answers(made, service), f"{service} answers")
    found.answered = time.time() - started
    wait_until(lambda: made.healthy(name), f"{service} is healthy")
    found.healthy = time.time() - began
    return found


@pytest.mark.parametrize("name", sorted(FORMS))
def test_it_comes_up(docker: Engine, tmp_path: Path, name: str) -> None:
    """All are healthy; the times of each are stated beside the reference, for whoever reads them."""
    with deployed(docker, tmp_path, FORMS[name]) as made, ThreadPoolExecutor(3) as watchers:
        began = time.time()
        watched = {service: watchers.submit(watch, made, service, began) for service in SERVICES}
        made.up()
        took = {service: times.result() for service, times in watched.items()}
        print(  # noqa: T201  # figures for whoever runs it
            f"\n{name}, engine {docker.version()}: "
            + "; ".join(
                f"{service} answers {one.answered:.1f} s after its start, healthy after {one.healthy:.1f} s"
                for service, one in took.items()
            )
            + f". Reference: {REFERENCE_S} s in all."
        )
        page = f"http://127.0.0.1:{made.ports['SYNAPSE_PORT']}" if name == "production" else _published(made)
        assert "<html" in httpx.get(f"{page}/", trust_env=False).text
        assert httpx.get(f"{page}/health", trust_env=False).json()["state"] == "ok"


def _published(made: Deployment) -> str:
    ports = made.inspect("synapse_frontend")["NetworkSettings"]["Ports"]["5173/tcp"]
    return f"http://127.0.0.1:{ports[0]['HostPort']}"


def test_sources_are_served_as_they_change(docker: Engine, tmp_path: Path) -> None:
    """A changed Python file and a changed React file are there without a restart of a container."""
    with deployed(docker, tmp_path, DEVELOPMENT) as made:
        made.up()
        lines = {one["name"]: one for one in json.loads(made.synapse("doctor", "--json").stdout)["findings"]}
        for line in ("hot reload", "page", "form", "secrets"):
            assert lines[line]["state"] == "green", lines
        started = {name: made.started(f"synapse_{name}") for name in SERVICES}
        source = tmp_path / "app" / "api" / "application.py"
        source.write_text(source.read_text().replace('title="Synapse"', 'title="Synapse reloaded"'))
        port = made.ports["API_PORT"]
        wait_until(
            lambda: "Synapse reloaded" in _text(f"http://127.0.0.1:{port}/api/openapi.json"), "reloaded"
        )
        page = tmp_path / "frontend" / "src" / "app" / "shell.tsx"
        page.write_text(f'{page.read_text()}\nexport const changedByTheTest = "hot";\n')
        url = f"{_published(made)}/src/app/shell.tsx"
        wait_until(lambda: "changedByTheTest" in _text(url), "the page's source is served anew")
        assert started == {name: made.started(f"synapse_{name}") for name in SERVICES}


def _text(url: str) -> str:
    try:
        return httpx.get(url, trust_env=False, timeout=10).text
    except httpx.HTTPError:
        return ""
