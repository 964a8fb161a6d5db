"""With the probes that are shipped a server that hangs is noticed and started again, as the README says."""

import re
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.stack.compose import PROJECT
from tests.stack.deployment import PROBES_STARTS, PRODUCTION, Deployment, deployed
from tests.stack.engine import Engine
from tests.waiting import wait_until

SAID = re.compile(
    r"within (?P<redis>\d+) s for Redis and (?P<others>\d+) s for the backend and for the frontend"
)
PATIENCE_S = 240


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run production by the files that are shipped, and no other."""
    files = (*PRODUCTION, PROBES_STARTS) if docker.probes_starts else PRODUCTION
    with deployed(docker, tmp_path_factory.mktemp("shipped"), files) as made:
        made.up()
        yield made


@pytest.mark.parametrize("service", ["redis", "backend", "frontend"])
def test_a_hang_is_healed(stack: Deployment, figure: Callable[[str], None], service: str) -> None:
    """Stopped: a new start of its container, and the whole is well."""
    told = SAID.search((PROJECT / "README.md").read_text())
    assert told
    said = int(told["redis" if service == "redis" else "others"])
    container = f"synapse_{service}"
    wait_until(lambda: _well(stack) and stack.healthy(container), "all is well", PATIENCE_S)
    first = stack.started(container)
    began = time.monotonic()
    stack.strike(container, signal.SIGSTOP)
    wait_until(lambda: stack.started(container) != first, f"{container} is started again", PATIENCE_S)
    noticed = time.monotonic() - began
    wait_until(lambda: _well(stack), "all is well again", PATIENCE_S)
    figure(
        f"{container} stopped, with the probes as shipped: started again after {noticed:.1f} s, all well"
        f" after {time.monotonic() - began:.1f} s. README: noticed within {said} s:"
        f" {'so it was' if noticed <= said else 'NOT SO'}."
    )


def _well(stack: Deployment) -> bool:
    try:
        answer = httpx.get(f"{stack.page}/health", trust_env=False, timeout=5)
        return answer.status_code == 200 and bool(answer.json()["state"] == "ok")
    except httpx.HTTPError:
        return False
