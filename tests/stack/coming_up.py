"""How long both forms of the stack take from `up` until each service answers and is healthy."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import httpx
import redis

from tests.stack.deployment import DEVELOPMENT, PRODUCTION, Deployment
from tests.waiting import wait_until

REFERENCE_S = 30
"""What the requirements allow from `up` to an answer of all, with the images there."""
_PROBED_S, _OWN_S, _CHAIN_S = 10, 10, 45
"""What they aim at: of all where starts are probed, else of each by itself and of all."""
SERVICES = ("redis", "backend", "frontend")
FORMS = {"development": DEVELOPMENT, "production": PRODUCTION}
_STARTED = "{{if .State.Running}}{{.State.StartedAt}}{{end}}"


@dataclass(frozen=True)
class Times:
    """Seconds: from its own start and from `up` to the first good answer, from `up` to healthy."""

    own: float
    answered: float
    healthy: float


def goal_s(*, probed: bool) -> int:
    """Return within how many seconds all should be healthy; `probed` says whether starts are."""
    return _PROBED_S if probed else _CHAIN_S


def goal_of(took: Mapping[str, Times], *, probed: bool) -> tuple[str, bool]:
    """Say what the times of all services should be, and whether they are."""
    goal = f"all healthy within {goal_s(probed=probed)} s"
    met = max(one.healthy for one in took.values()) <= goal_s(probed=probed)
    if probed:
        return goal, met
    each = all(one.own <= _OWN_S for one in took.values())
    return f"each answers within {_OWN_S} s of its own start, {goal}", met and each


def come_up(made: Deployment) -> dict[str, Times]:
    """Start all services, and take the times of each."""
    with ThreadPoolExecutor(len(SERVICES)) as watchers:
        began = time.time()
        watched = {service: watchers.submit(_watch, made, service, began) for service in SERVICES}
        made.up()
        return {service: times.result() for service, times in watched.items()}


def _watch(made: Deployment, service: str, began: float) -> Times:
    """Wait for a service that is about to be started, and take its times."""
    name = f"synapse_{service}"
    wait_until(lambda: made.engine.docker("inspect", "--format", _STARTED, name, check=False).strip(), name)
    started = datetime.fromisoformat(made.started(name)).timestamp()
    wait_until(lambda: _answers(made, service), f"{service} answers")
    answered = time.time()
    wait_until(lambda: made.healthy(name), f"{service} is healthy")
    return Times(answered - started, answered - began, time.time() - began)


def _answers(made: Deployment, service: str) -> bool:
    """Say whether a service gives a good answer, asked from outside: a program inside would slow it down."""
    try:
        if service == "redis":
            with made.redis() as client:
                return bool(client.ping())
        networks = made.inspect(f"synapse_{service}")["NetworkSettings"]["Networks"]
        address = networks["synapse_network"]["IPAddress"]
        port, path = (8000, "/health") if service == "backend" else (8080, "/")
        if service == "frontend" and DEVELOPMENT[1] in made.files:
            port = 5173
        named = {"Host": "localhost"}
        url = f"http://{address}:{port}{path}"
        return httpx.get(url, headers=named, trust_env=False, timeout=5).status_code == 200
    except (redis.RedisError, httpx.HTTPError, httpx.InvalidURL):
        return False
