"""Every command reaches a backend that wants a token, and says what to set when it is not let in."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from pipelines.ops.backend import backend_client
from pipelines.ops.doctor.check import State, Subject
from pipelines.ops.errors import ExitCode, OpsError, UnreachableError, UsageError
from pipelines.ops.localstack import LocalStack
from pipelines.ops.opening import opened
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.restore.served import check_served
from tests.app.processes import TOKEN
from tests.ops.doctor.installation import look, says
from tests.ops.localstack.stacks import environment, settings_of
from tests.ports import free_port


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalStack, Mapping[str, str]]]:
    """Give a stack that wants the token, in production, with a document and a backup of it."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html><html>Synapse")
    environ = environment(
        folder,
        API_TOKEN=TOKEN,
        ENVIRONMENT="production",
        PAGE_DIR=str(folder / "page"),
        ALLOWED_HOSTS="127.0.0.1",
    )
    with LocalStack(settings_of(environ), environ, SilentReporter()) as stack:
        with backend_client(stack.settings, seconds=20) as client:
            added = client.post("/api/documents", json={"title": "Kept", "text": "Kept.", "id": "kept"})
        assert added.status_code == 201, added.text
        _synapse(environ, "backup")
        yield stack, environ


def _synapse(environ: Mapping[str, str], *arguments: str, code: int = 0, **changed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from pipelines.ops.cli.main import run; run()", *arguments],
        env={**environ, **changed},
        cwd=environ["DATA_DIR"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr + done.stdout
    assert TOKEN not in done.stderr + done.stdout
    return done.stderr + done.stdout


def test_the_stack_passes_the_token_on_and_shows_it_nowhere(
    locked: tuple[LocalStack, Mapping[str, str]],
) -> None:
    """The backend wants it; no argument of a process and no file in the data folder holds it."""
    stack, _ = locked
    refused = httpx.get(f"{stack.url}/api/documents")
    assert refused.status_code == 401
    for pid in (stack.backend_pid, stack.redis_pid):
        assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    files = [path for path in stack.settings.service.data_dir.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_the_doctor_shows_the_token(locked: tuple[LocalStack, Mapping[str, str]]) -> None:
    """With it all is green, without it or with another the line says which setting is missing."""
    stack, _ = locked
    well = look("backend", Subject(stack.settings))
    assert {finding.state for finding in well.values()} == {State.GREEN}, well
    assert {"api", "docs", "page", "backend: index"} <= well.keys()
    for token in (None, SecretStr("another")):
        service = stack.settings.service.model_copy(update={"api_token": token})
        ill = look("backend", Subject(replace(stack.settings, service=service)))
        says(ill["api"], State.RED, "401", "API_TOKEN")
        assert ill["backend"].state is ill["docs"].state is State.GREEN


def test_a_name_that_the_backend_has_not_is_said(locked: tuple[LocalStack, Mapping[str, str]]) -> None:
    """It is there, but does not answer by that name; a restore is refused for the same reason."""
    stack, environ = locked
    other = stack.url.replace("127.0.0.1", "localhost")
    found = look("backend", Subject(replace(stack.settings, backend=other)))
    says(found["api"], State.RED, "421", "ALLOWED_HOSTS", "SYNAPSE_BACKEND_URL")
    said = _synapse(environ, "restore", "latest", "--yes", code=ExitCode.REFUSED, SYNAPSE_BACKEND_URL=other)
    assert "ALLOWED_HOSTS" in said


@pytest.mark.parametrize("token", ["another", ""])
def test_a_restore_that_could_not_ask_is_refused_before_it_begins(
    locked: tuple[LocalStack, Mapping[str, str]], token: str
) -> None:
    """Without the token nobody can tell whether the backend serves the new data, so nothing is touched."""
    stack, environ = locked
    before = _served(stack)
    said = _synapse(environ, "restore", "latest", "--yes", code=ExitCode.REFUSED, API_TOKEN=token)
    assert "API_TOKEN" in said
    assert _served(stack) == before


def test_a_restore_into_a_locked_stack_works(locked: tuple[LocalStack, Mapping[str, str]]) -> None:
    """Documents deleted since are back, and the backend itself was asked."""
    stack, environ = locked
    before = _served(stack)
    with backend_client(stack.settings, seconds=20) as client:
        assert client.delete("/api/documents/kept").status_code == 204
        said = _synapse(environ, "restore", "latest", "--yes")
        assert client.get("/api/documents/kept").status_code == 200
    assert "Ask the running backend" in said
    assert _served(stack) != before


def test_it_is_said_whether_a_restored_point_is_served(
    locked: tuple[LocalStack, Mapping[str, str]],
) -> None:
    """Its collection in the epoch on disk with its documents; another number, name or place is an error."""
    stack, environ = locked
    _synapse(environ, "restore", "latest", "--yes")
    ask = ("points", "served", "latest", "--at")
    assert f"documents in epoch {_served(stack)}" in _synapse(environ, *ask, stack.url)
    work = replace(stack.settings, repository=Path(environ["SYNAPSE_REPOSITORY"]))
    point = opened(work).load(opened(work).resolve("latest"))
    assert point.faiss is not None
    (held,) = point.faiss.collections
    for change in ({"documents": held.documents + 1}, {"name": "another"}):
        other = (held.model_copy(update=change),)
        more = point.model_copy(update={"faiss": point.faiss.model_copy(update={"collections": other})})
        with pytest.raises(OpsError, match=r"serves \w+ with 1 documents .* and restored was"):
            check_served(work, more, stack.url, patience=0)
    with pytest.raises(UnreachableError, match="Nothing answers"):
        check_served(work, point, f"http://127.0.0.1:{free_port()}", patience=0)
    nothing = point.model_copy(update={"faiss": None})
    assert check_served(work, nothing, stack.url) is None


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"API_HOST": "backend", "API_PORT": "80"}, "http://backend:80"),
        ({"API_HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"API_HOST": "::1"}, "http://[::1]:8000"),
        ({"API_HOST": "0.0.0.0", "SYNAPSE_BACKEND_URL": "http://backend:8000/"}, "http://backend:8000"),
    ],
)
def test_the_address_is_where_the_backend_listens_or_what_is_set(given: dict[str, str], url: str) -> None:
    """Every address is this machine for a program on it; SYNAPSE_BACKEND_URL is stronger than all."""
    assert settings_of(given).backend_url == url


@pytest.mark.parametrize("url", ["backend:8000", "http://", "http://user:secret@backend", "ftp://backend"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """With the name of the variable."""
    with pytest.raises(UsageError, match="SYNAPSE_BACKEND_URL"):
        settings_of({"SYNAPSE_BACKEND_URL": url})


def _served(stack: LocalStack) -> object:
    with backend_client(stack.settings, seconds=20) as client:
        return client.get("/health").json()["collections"][0]["epoch"]


def test_a_stack_in_production_without_a_token_says_so(tmp_path: Path) -> None:
    """The sentence of the backend is the error of the command."""
    environ = environment(tmp_path, ENVIRONMENT="production")
    with (
        pytest.raises(OpsError, match="API_TOKEN is not set"),
        LocalStack(settings_of(environ), environ, SilentReporter()),
    ):
        pass
