"""The local stack on real servers, driven from this process as the demo drives it."""

import os
import signal
import socket
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from redis.exceptions import AuthenticationError

from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.localstack import LOGS, LocalStack, held_stack
from pipelines.ops.redis.connection import connect
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.settings import OpsSettings
from tests.ops.localstack.stacks import Notes, alive, environment, settings_of

PROMISED = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "appenddirname": "appendonlydir",
    "appendfilename": "appendonly.aof",
    "save": "",
    "maxmemory": str(256 * 1024 * 1024),
    "maxmemory-policy": "volatile-lru",
    "repl-diskless-sync-delay": "0",
    "bind": "127.0.0.1",
    "protected-mode": "yes",
}
ODD_PASSWORD = 'a "b" \\ c\' ñ #1'


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment for one stack."""
    return environment(tmp_path)


@pytest.fixture
def settings(environ: dict[str, str]) -> OpsSettings:
    """Return the settings of one stack."""
    return settings_of(environ)


def test_a_killed_stack_comes_back_with_what_it_held(tmp_path: Path) -> None:
    """Both parts start in order, die, are started again with their data, and end; any password will do."""
    environ = environment(tmp_path, REDIS_PASSWORD=ODD_PASSWORD)
    order: list[str] = []
    stack = LocalStack(
        settings_of(environ),
        environ,
        SilentReporter(),
        before_backend=lambda: order.append(f"{stack.redis_pid} {stack.backend_pid}"),
    )
    with stack:
        assert httpx.get(f"{stack.url}/health").json()["state"] == "ok"
        assert httpx.get(stack.docs_url).status_code == 200
        first = [stack.redis_pid, stack.backend_pid]
        _set(stack, "kept", "so")
        stack.kill_redis()
        stack.kill_backend()
        assert alive([pid for pid in first if pid]) == []
        stack.start()
        assert httpx.get(f"{stack.url}/health").status_code == 200
        assert _get(stack, "kept") == b"so"
        last = [stack.redis_pid, stack.backend_pid]
    assert order == [f"{first[0]} None", f"{last[0]} None"]
    assert alive([pid for pid in last if pid]) == []
    assert not stack.settings.password_file.exists()


def test_redis_runs_with_the_limits_it_promises_and_its_password_is_nowhere(
    settings: OpsSettings, environ: dict[str, str]
) -> None:
    """The server says of itself what is required; no argument, log or other file has its secret."""
    with LocalStack(settings, environ, SilentReporter()) as stack:
        with connect(stack.settings.redis) as client:
            told = client.config_get("*")
        secret = settings.password_file.read_text().strip()
        pids = [pid for pid in (stack.redis_pid, stack.backend_pid) if pid]
        commands = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        with (
            connect(replace(stack.settings.redis, password=None)) as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()
    assert {name: told[name] for name in PROMISED} == PROMISED
    assert "replica 536870912 268435456 120" in told["client-output-buffer-limit"].replace("slave", "replica")
    assert b"uvicorn" in commands
    assert secret.encode() not in commands
    data = settings.service.data_dir
    holders = [path for path in data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert holders == [settings.password_file]
    assert stat.S_IMODE(settings.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.redis_folder.stat().st_mode) == 0o700
    assert settings_of(environ).redis.password == secret


def test_what_dies_is_started_again(settings: OpsSettings, environ: dict[str, str]) -> None:
    """A part that is killed from outside is up again, and people are told."""
    notes = Notes()
    with LocalStack(settings, environ, notes) as stack:
        for pid in (stack.redis_pid, stack.backend_pid):
            assert pid
            os.kill(pid, signal.SIGKILL)
            known = {*notes.lines}
            stack.supervise(until=partial(_told_more, notes, known))
        assert httpx.get(f"{stack.url}/health").status_code == 200
    assert [line.split(" in ")[0] for line in notes.lines] == [
        "Redis was killed by SIGKILL. Starting it again",
        "the backend was killed by SIGKILL. Starting it again",
    ]


def test_a_part_that_does_not_stay_up_ends_the_stack(settings: OpsSettings, environ: dict[str, str]) -> None:
    """After some tries, each later than the one before, the reason is said and nothing is left running."""
    pauses: list[float] = []
    with LocalStack(settings, environ, SilentReporter()) as stack:
        pids = _killed_on_bad_data(stack)
        with pytest.raises(OpsError, match="does not stay up") as failed:
            stack.supervise(pause=pauses.append)
    assert "manifest" in failed.value.what
    waits = [pause for pause in pauses if pause >= 0.25]
    assert waits == sorted(set(waits))
    assert len(waits) == 6
    assert alive(pids) == []


@pytest.mark.parametrize("variable", ["REDIS_PORT", "API_PORT"])
def test_a_taken_port_is_refused_before_anything_starts(
    variable: str, settings: OpsSettings, environ: dict[str, str]
) -> None:
    """The sentence names the port, who has it and the variable; no server was started."""
    with (
        socket.create_server(("127.0.0.1", int(environ[variable]))),
        pytest.raises(RefusedError) as refused,
        LocalStack(settings, environ, SilentReporter()),
    ):
        pass
    assert environ[variable] in refused.value.what
    assert f"process {os.getpid()}" in refused.value.what
    assert variable in refused.value.hint
    assert list((settings.service.data_dir / LOGS).iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_HOST", "redis.example"),
        ("API_HOST", "0.0.0.0"),
        ("REDIS_TLS", "yes"),
        ("REDIS_USERNAME", "bob"),
    ],
)
def test_settings_of_another_stack_are_refused(tmp_path: Path, variable: str, value: str) -> None:
    """What the own Redis or a page for this machine alone cannot be is said, not tried."""
    environ = environment(tmp_path, **{variable: value})
    with (
        pytest.raises(RefusedError, match=variable),
        LocalStack(settings_of(environ), environ, SilentReporter()),
    ):
        pass


def test_a_second_stack_on_the_same_data_is_refused(settings: OpsSettings, environ: dict[str, str]) -> None:
    """Whoever holds the data folder is named, and it is free again afterwards."""
    with (
        held_stack(settings.service.data_dir),
        pytest.raises(RefusedError, match=f"process {os.getpid()}"),
        LocalStack(settings, environ, SilentReporter()),
    ):
        pass
    with held_stack(settings.service.data_dir):
        pass


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The reason in the log of the server is in the sentence, and Redis is not left running."""
    environ = environment(tmp_path)
    settings = settings_of(environ)
    settings.service.data_dir.mkdir()
    (settings.service.data_dir / "faiss_indexes").write_text("a file in the way")
    stack = LocalStack(settings, environ, SilentReporter())
    with pytest.raises(OpsError, match="faiss_indexes") as failed, stack:
        pass
    assert "backend.log" in failed.value.hint
    assert stack.redis_pid is None


def _told_more(notes: Notes, known: set[str]) -> bool:
    return not known.issuperset(notes.lines)


def _killed_on_bad_data(stack: LocalStack) -> list[int]:
    """Make the data of Redis unreadable and kill it; returns who ran."""
    manifest = next((stack.settings.redis_folder / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n")
    pids = [pid for pid in (stack.redis_pid, stack.backend_pid) if pid]
    os.kill(pids[0], signal.SIGKILL)
    return pids


def _set(stack: LocalStack, key: str, value: str) -> None:
    with connect(stack.settings.redis) as client:
        client.set(key, value)


def _get(stack: LocalStack, key: str) -> object:
    with connect(stack.settings.redis) as client:
        return client.get(key)
