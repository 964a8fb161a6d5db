"""A container whose server dies or hangs comes back by itself, and nothing acknowledged is lost."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import redis

from tests.stack.deployment import Deployment
from tests.stack.engine import Engine
from tests.stack.running import Writer, fill, held, holders
from tests.stack.standins import NAMES
from tests.waiting import wait_until

WRITES_S = 5.0
UNWRITTEN_S = 2.0
"""With `appendfsync everysec` what is taken while an fsync lasts is written so much later at the latest."""


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run Redis and the backend with some data."""
    with holders(docker, tmp_path_factory.mktemp("healing")) as made:
        fill(made)
        yield made


def serves(stack: Deployment) -> bool:
    """Say whether both stores answer."""
    try:
        with stack.redis() as client:
            client.ping()
        with stack.client() as client:
            return bool(client.get("/health").json()["state"] == "ok")
    except (redis.RedisError, httpx.HTTPError, ValueError):
        return False


@pytest.mark.parametrize("container", ["synapse_redis", "synapse_backend"])
@pytest.mark.parametrize("way", ["SIGKILL", "SIGSTOP"])
def test_it_comes_back(stack: Deployment, figure: Callable[[str], None], container: str, way: str) -> None:
    """Killed or stopped: a new start, the same data, every acknowledged write."""
    before, first = held(stack), stack.started(container)
    with Writer(stack) as writer:
        wait_until(lambda: writer.documents and _wrote_for(writer) > WRITES_S, "writes go through")
        hit = time.monotonic()
        stack.strike(container, signal.Signals[way])
        took = wait_until(lambda: stack.started(container) != first, f"{container} is started again", 120)
        started = _monotonic(stack.started(container))
        took += wait_until(lambda: serves(stack) and stack.healthy(container), "it serves again", 120)
        seen = max(writer.keys)
        wait_until(lambda: max(writer.keys) > seen, "writes go through again")
    figure(f"{container} after {way}: serves again after {took:.1f} s")
    lost_keys, lost_documents = writer.missing()
    if (container, way) == ("synapse_redis", "SIGKILL"):
        figure(f"{container} after {way}: {unwritten(writer, lost_keys, hit, started)}")
    else:
        assert not lost_keys
    assert not lost_documents
    assert held(stack) == before


def unwritten(writer: Writer, lost: list[int], hit: float, started: float) -> str:
    """Say how much was lost: an unbroken tail of what was acknowledged, no older than `everysec` explains.

    `hit` and `started` are when Redis was killed and when it was started again, on the monotonic clock.
    """
    acknowledged = list(writer.keys)
    before = sum(at < started for at in writer.keys.values())
    if not lost:
        return f"none of {before} acknowledged keys lost"
    first = acknowledged.index(lost[0])
    tail, later = acknowledged[first : first + len(lost)], acknowledged[first + len(lost)]
    assert lost == tail, f"{len(lost)} keys are lost, and some between them are not"
    assert writer.keys[later] >= started, f"{len(lost)} keys are lost, and later ones are not"
    oldest = hit - writer.keys[lost[0]]
    assert oldest <= UNWRITTEN_S, f"{len(lost)} keys are lost, the oldest of {oldest:.2f} s before"
    return f"{len(lost)} of {before} acknowledged keys lost, the oldest of {oldest:.2f} s before"


def _monotonic(told: str) -> float:
    """Return on the monotonic clock what Docker tells by that of the machine."""
    return datetime.fromisoformat(told).timestamp() - time.time() + time.monotonic()


def _wrote_for(writer: Writer) -> float:
    """Return the seconds between the first and the last acknowledged key."""
    return max(writer.keys.values(), default=0) - min(writer.keys.values(), default=0)


def test_a_stopped_init_does_not_keep_it_from_coming_back(stack: Deployment) -> None:
    """Also when everything in the container is stopped, the check gets it started again."""
    first = stack.started("synapse_redis")
    # Not by `docker kill`, after which Docker takes the container for one that a person stopped.
    os.kill(stack.init("synapse_redis"), signal.SIGSTOP)
    stack.strike("synapse_redis", signal.SIGSTOP)
    wait_until(lambda: stack.started("synapse_redis") != first, "it is started again", 120)
    wait_until(lambda: serves(stack), "it serves again", 120)


def test_an_answer_that_is_bad_is_no_reason_to_kill(stack: Deployment) -> None:
    """A backend whose Redis is away says so, is called unhealthy, and is left running."""
    wait_until(lambda: serves(stack) and stack.healthy("synapse_backend"), "all is well", 120)
    first = stack.started("synapse_backend")
    stack.compose("stop", "--timeout", "3", "redis")
    try:
        wait_until(lambda: not stack.healthy("synapse_backend"), "it is called unhealthy", 120)
        with stack.client() as client:
            wait_until(lambda: client.get("/health").status_code == 503, "it says so", 30)
            report = client.get("/health")
        reasons = {one["name"]: one for one in report.json()["dependencies"]}
        assert reasons["redis"]["state"] == "down"
        assert reasons["redis"]["reason"]
        assert stack.started("synapse_backend") == first
    finally:
        stack.compose("start", "redis")
    wait_until(lambda: serves(stack) and stack.healthy("synapse_backend"), "it serves again", 120)
    assert stack.started("synapse_backend") == first


def test_a_wrong_password_is_unhealthy(stack: Deployment) -> None:
    """The check of Redis fails on a password that it does not take, as on no password."""
    asked = ("/bin/sh", "/usr/local/lib/synapse/check.sh")
    assert stack.engine.code("exec", "synapse_redis", *asked) == 0
    for other in ("/etc/hostname", "/dev/null", "/nowhere"):
        wrong = ("exec", "--env", f"REDIS_PASSWORD_FILE={other}", "synapse_redis")
        assert stack.engine.code(*wrong, *asked) == 1, other


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("short", "has 5 characters"),
        ("two words and more of them", "letters, digits"),
        ("", "has 0 characters"),
    ],
)
def test_no_start_with_a_poor_password(docker: Engine, tmp_path: Path, content: str, says: str) -> None:
    """Redis names the file and what it wants; no server runs."""
    (tmp_path / "secret").write_text(content)
    (tmp_path / "secret").chmod(0o644)
    deploy = Path(__file__).parents[2] / "deploy" / "redis"
    done = docker.docker(
        *("run", "--rm", "--user", "999:999", "--env", "REDIS_PASSWORD_FILE=/secret"),
        *("--volume", f"{tmp_path}/secret:/secret:ro", "--volume", f"{deploy}:/deploy:ro"),
        *(
            "--entrypoint",
            "/bin/sh",
            NAMES["redis"],
            "-c",
            "/bin/sh /deploy/start.sh 2>&1; echo code $?",
        ),
    )
    assert says in done
    assert "/secret" in done
    assert "code 78" in done
