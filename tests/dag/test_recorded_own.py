"""What a rehearsal takes from this machine's stack, so that its documents can be served there too."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dag.recording.graph import Exec
from tests.dag.recording.project import Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import going_well
from tests.ports import free_port


@pytest.fixture
def listening() -> Iterator[int]:
    """Listen on this machine, as an embedding server does; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["host.docker.internal", "127.0.0.1", "localhost"])
def test_an_embedding_server_of_this_machine_is_brought_near(
    project: Project, listening: int, host: str
) -> None:
    """The backend finds it by a name of its own, with the model, the collection and the key of `.env`."""
    (project.folder / "secrets").mkdir()
    (project.folder / "secrets/key").write_text("of the embedding server")
    lines = ["COLLECTION=mine", f"EMBEDDING_URL=http://{host}:{listening}/deep", "EMBEDDING_MODEL=nomic"]
    (project.folder / ".env").write_text("\n".join([*lines, "EMBEDDING_API_KEY_FILE=secrets/key", ""]))
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "drill")
    assert ended.code == 0, ended.stderr
    backend = served(recorder, "backend")
    assert backend.environment["EMBEDDING_URL"] == f"http://embeddings:{listening}/deep"
    assert (backend.environment["EMBEDDING_MODEL"], backend.environment["COLLECTION"]) == ("nomic", "mine")
    key = backend.secrets["/run/secrets/embedding_api_key"]
    assert key.arguments == {"uri": f"file://{project.folder}/secrets/key"}
    assert backend.environment["EMBEDDING_API_KEY_FILE"] == "/run/secrets/embedding_api_key"
    assert backend.bindings["embeddings"].arguments == {
        "ports": [{"backend": listening, "frontend": listening}]
    }
    (restored,) = [one for one in recorder.execs_done() if one.argv[:2] == ("synapse", "restore")]
    assert restored.environment["COLLECTION"] == "mine"


@pytest.mark.parametrize("job", ["restore", "drill"])
def test_an_embedding_server_that_does_not_answer_is_told(project: Project, job: str) -> None:
    """Before anything is started: no backend could serve the documents; nothing is restored."""
    port = free_port()
    with recording(going_well()) as recorder:
        ended = project.run(recorder, job, EMBEDDING_URL=f"http://127.0.0.1:{port}", EMBEDDING_MODEL="nomic")
    assert (ended.code, ended.states()["rehearse"]) == (5, "failed")
    assert f"nothing answers at 127.0.0.1:{port}" in ended.stderr
    assert not recorder.asked_of("start")
    assert not [argv for argv in project.asked() if argv[0] == "restore"]


@pytest.mark.parametrize("url", ["http://me:hidden@127.0.0.1:1", "http://127.0.0.1:1/v1?key=hidden"])
def test_a_login_in_the_address_is_refused_and_not_shown(project: Project, url: str) -> None:
    """Reports and logs hold the address; a key has a file."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "drill", EMBEDDING_URL=url)
    assert (ended.code, ended.states()["rehearse"]) == (2, "failed")
    assert "EMBEDDING_API_KEY_FILE" in ended.stderr
    assert "hidden" not in ended.stderr + (ended.reports / "report.json").read_text()


def test_without_an_embedding_server_there_is_none(project: Project, tmp_path: Path) -> None:
    """And an empty file means that it asks for no key, as everywhere."""
    (tmp_path / "empty").touch()
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "drill", EMBEDDING_API_KEY_FILE=str(tmp_path / "empty"))
    assert ended.code == 0, ended.stderr
    backend = served(recorder, "backend")
    assert "EMBEDDING_URL" not in backend.environment
    assert "/run/secrets/embedding_api_key" not in backend.secrets
    assert "embeddings" not in backend.bindings


def served(recorder: Recorder, name: str) -> Exec:
    """Return the one service of that name that was started."""
    (found,) = [one for one in recorder.services() if name in one.argv]
    return found
