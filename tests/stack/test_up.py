"""Both forms of the stack come up healthy, one service after the other, and serve; how fast is stated."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.stack.coming_up import FORMS, REFERENCE_S, SERVICES, come_up, goal_of
from tests.stack.deployment import DEVELOPMENT, PROBES_STARTS, Deployment, deployed
from tests.stack.engine import Engine
from tests.waiting import wait_until

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize("name", sorted(FORMS))
def test_it_comes_up(older: Engine, tmp_path: Path, figure: Callable[[str], None], name: str) -> None:
    """All are healthy, on an engine that waits a whole interval before it asks a service first."""
    with deployed(older, tmp_path, FORMS[name]) as made:
        _come_up(made, name, figure)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_it_comes_up_where_starts_are_probed(
    newer: Engine, tmp_path: Path, figure: Callable[[str], None], name: str
) -> None:
    """All are healthy, and none has waited for a whole interval."""
    with deployed(newer, tmp_path, (*FORMS[name], PROBES_STARTS)) as made:
        _come_up(made, name, figure)
        for service in SERVICES:
            state, check = (made.inspect(f"synapse_{service}")[part] for part in ("State", "Config"))
            assert check["Healthcheck"]["StartInterval"] == SECOND_NS, service
            asked = [datetime.fromisoformat(one["Start"]) for one in state["Health"]["Log"]]
            waits = [
                one - before for before, one in pairwise([datetime.fromisoformat(state["StartedAt"]), *asked])
            ]
            assert min(waits).total_seconds() * SECOND_NS < check["Healthcheck"]["Interval"], (service, waits)


def _come_up(made: Deployment, name: str, figure: Callable[[str], None]) -> None:
    """Start all, each when the one before was healthy; state the times beside the reference and the goal."""
    took = come_up(made)
    goal, met = goal_of(took, probed=made.engine.probes_starts)
    figure(
        f"{name}, engine {made.engine.version()}: "
        + "; ".join(
            f"{service} answers {one.own:.1f} s after its start and {one.answered:.1f} s after `up`, "
            f"is healthy after {one.healthy:.1f} s"
            for service, one in took.items()
        )
        + f". Reference: {REFERENCE_S} s in all; goal: {goal}: {'met' if met else 'NOT MET'}."
    )
    assert all(made.healthy(f"synapse_{service}") for service in SERVICES)
    for before, after in pairwise(SERVICES):
        started = datetime.fromisoformat(made.started(f"synapse_{after}"))
        assert _first_good_check(made, f"synapse_{before}") <= started, (before, after)
    assert "<html" in httpx.get(f"{made.page}/", trust_env=False).text
    assert httpx.get(f"{made.page}/health", trust_env=False).json()["state"] == "ok"


def _first_good_check(made: Deployment, container: str) -> datetime:
    """Return when a health check that found the container well ended, the first of those that are noted."""
    checks = made.inspect(container)["State"]["Health"]["Log"]
    return min(datetime.fromisoformat(one["End"]) for one in checks if one["ExitCode"] == 0)


def test_sources_are_served_as_they_change(docker: Engine, tmp_path: Path) -> None:
    """A changed Python file and a changed React file are there without a restart of a container."""
    files = (*DEVELOPMENT, PROBES_STARTS) if docker.probes_starts else DEVELOPMENT
    with deployed(docker, tmp_path, files) as made:
        made.up()
        lines = {one["name"]: one for one in made.checklist()}
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
        url = f"{made.page}/src/app/shell.tsx"
        wait_until(lambda: "changedByTheTest" in _text(url), "the page's source is served anew")
        assert started == {name: made.started(f"synapse_{name}") for name in SERVICES}


def _text(url: str) -> str:
    try:
        return httpx.get(url, trust_env=False, timeout=10).text
    except httpx.HTTPError:
        return ""
