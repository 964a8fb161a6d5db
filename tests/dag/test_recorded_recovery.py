"""What the jobs that save and restore ask of the engine where it matters most, seen behind the SDK."""

import json
import os
import signal
from pathlib import Path
from secrets import token_hex

import pytest

from tests.dag.recording.answers import Fails, Says, running
from tests.dag.recording.graph import Call, Exec, parts
from tests.dag.recording.project import POINT, Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import SERVED, going_well

S3 = {"folder": None, "url": "s3://saved/points", "endpoint": "https://s3.example"}
VERIFY, RESTORE = ("synapse", "verify"), ("synapse", "restore")


@pytest.mark.parametrize("job", ["backup", "drill"])
def test_a_bad_proof_is_kept_and_fails_the_step_in_its_own_words(project: Project, job: str) -> None:
    """Else a point that was proven once would be shown as good for ever."""
    told = {"proofs": [{"good": False}], "error": {"what": "A point is damaged.", "hint": "Take a new one."}}
    rules = [running(VERIFY, Says(json.dumps(told)), "stdout"), running(VERIFY, Says(4), "exitCode")]
    with recording([*rules, *going_well()]) as recorder:
        ended = project.run(recorder, job)
    assert (ended.code, ended.states()["prove"]) == (4, "failed")
    assert "A point is damaged. Take a new one." in ended.stderr
    exported = [str(one.call.arguments["path"]) for one in recorder.requests if one.call.field == "export"]
    assert [path for path in exported if path.endswith(f"proofs/{POINT}")]


def test_what_could_not_be_proven_at_all_lays_no_proof(project: Project) -> None:
    """Its code and words are the command's; there is no proof to be fetched."""
    told = {"error": {"what": "There is no bucket.", "hint": "Make it."}}
    rules = [running(VERIFY, Says(json.dumps(told)), "stdout"), running(VERIFY, Says(5), "exitCode")]
    with recording([*rules, *going_well()]) as recorder:
        ended = project.run(recorder, "backup")
    assert (ended.code, ended.states()["prove"]) == (5, "failed")
    assert "There is no bucket. Make it." in ended.stderr
    assert not [one for one in recorder.requests if one.call.field == "export"]


@pytest.mark.parametrize("job", ["restore", "drill"])
def test_a_rehearsal_leaves_no_safety_point(project: Project, job: str) -> None:
    """On S3 it would lie in the repository of the real stack, with nothing in it."""
    project.answering(points_where=S3)
    with recording(going_well()) as recorder:
        assert project.run(recorder, job).code == 0
    assert "--force" in done(recorder, RESTORE).argv
    assert all("--force" not in argv for argv in project.asked())


@pytest.mark.parametrize("job", ["restore", "drill"])
def test_a_rehearsal_without_served_documents_is_none(project: Project, job: str) -> None:
    """Though the restore went well: nothing of the running stack is touched."""
    told = {"error": {"what": "It serves no collection.", "hint": "Set COLLECTION."}}
    rule = running(("points", "served"), Fails(1, json.dumps(told)), "stdout")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, job)
    assert (ended.code, ended.states()["rehearse"]) == (1, "failed")
    assert "It serves no collection. Set COLLECTION." in ended.stderr
    assert not [argv for argv in project.asked() if argv[0] == "restore"]
    assert ended.states().get("restore", "not run") == "not run"


def test_what_is_served_is_asked_through_nginx_after_the_restore(project: Project) -> None:
    """In the container that has restored, of the restored point; the report holds the answer."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "drill")
    asked = done(recorder, ("synapse", "points", "served"))
    assert asked.argv[3:6] == (POINT, "--at", "http://frontend:8080")
    assert "frontend" in asked.bindings
    assert any(found.argv[:2] == RESTORE for found in asked.call.chain())
    assert ended.figures("rehearse")["restore"]["served"] == SERVED


def test_the_time_to_restore_does_not_hold_that_of_the_image(project: Project) -> None:
    """The container is made, with its repository, before the clock runs."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, "drill").code == 0
    (made,) = [
        one for one in recorder.forced() if one.call.field == "sync" and "/app/backups" in paths(one.call)
    ]
    (restored,) = [one for one in recorder.forced() if holds(one.call, RESTORE)]
    assert made.answered is not None
    assert made.answered < restored.came


def test_keys_in_files_reach_the_command_as_files(project: Project, tmp_path: Path) -> None:
    """As the README says to give them; the engine is told their names, and makes them secrets."""
    kept = {"AWS_ACCESS_KEY_ID": tmp_path / "id", "AWS_SECRET_ACCESS_KEY": Path("secrets/key")}
    project.answering(points_where=S3)
    (project.folder / ".env").write_text("AWS_SECRET_ACCESS_KEY_FILE=secrets/key\nAWS_REGION=eu-west-9\n")
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "backup", AWS_ACCESS_KEY_ID_FILE=str(kept["AWS_ACCESS_KEY_ID"]))
    assert ended.code == 0, ended.stderr
    verify = done(recorder, VERIFY)
    assert verify.environment["AWS_REGION"] == "eu-west-9"
    for name, file in kept.items():
        inside = verify.environment[f"{name}_FILE"]
        assert verify.secrets[inside].arguments == {"uri": f"file://{project.folder / file}"}


@pytest.mark.parametrize("where", ["folder", "S3"])
def test_the_passphrase_of_a_repository_is_a_secret_of_the_engine(
    project: Project, tmp_path: Path, where: str
) -> None:
    """In a file it is laid in as one, wherever the repository lies; no word of it is sent but as a secret."""
    if where == "S3":
        project.answering(points_where=S3)
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "backup", SYNAPSE_PASSPHRASE_FILE=str(tmp_path / "phrase"))
    assert ended.code == 0, ended.stderr
    verify = done(recorder, VERIFY)
    inside = verify.environment["SYNAPSE_PASSPHRASE_FILE"]
    assert verify.secrets[inside].arguments == {"uri": f"file://{tmp_path / 'phrase'}"}
    phrase = token_hex(16)
    (project.folder / ".env").write_text(f"SYNAPSE_PASSPHRASE={phrase}\n")
    with recording(going_well()) as recorder:
        assert project.run(recorder, "backup").code == 0
    assert done(recorder, VERIFY).secrets["SYNAPSE_PASSPHRASE"].field == "setSecret"
    assert {call.field for call in recorder.calls().values() if phrase in [*call.strings()]} == {"setSecret"}


def test_a_key_in_the_env_file_is_a_secret_of_the_engine(project: Project) -> None:
    """It is sent where a secret is made, and nowhere else."""
    key = token_hex(16)
    project.answering(points_where=S3)
    (project.folder / ".env").write_text(f"AWS_SECRET_ACCESS_KEY={key}\n")
    with recording(going_well()) as recorder:
        assert project.run(recorder, "backup").code == 0
    assert done(recorder, VERIFY).secrets["AWS_SECRET_ACCESS_KEY"].field == "setSecret"
    holding = {call.field for call in recorder.calls().values() if key in [*call.strings()]}
    assert holding == {"setSecret"}


def test_an_authority_of_ones_own_is_trusted_in_the_container_too(project: Project, tmp_path: Path) -> None:
    """The file that AWS_CA_BUNDLE names is laid in."""
    project.answering(points_where=S3)
    with recording(going_well()) as recorder:
        assert project.run(recorder, "backup", AWS_CA_BUNDLE=str(tmp_path / "ca.pem")).code == 0
    verify = done(recorder, VERIFY)
    assert verify.environment["AWS_CA_BUNDLE"] in verify.mounts
    asked = [call.arguments["path"] for call in recorder.calls().values() if call.field == "file"]
    assert str(tmp_path / "ca.pem") in asked


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            {"code": 130, "error": {"what": "Interrupted.", "hint": "The old data is back."}},
            "The old data is back.",
        ),
        ({}, "was done by then"),
    ],
)
def test_an_interrupted_restore_is_let_put_things_back(
    project: Project, tmp_path: Path, answer: dict[str, object], says: str
) -> None:
    """It is told to end and waited for, never killed; what it said of the data stands in the report."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    project.answering(restore={"waits": str(begun), **answer})
    with recording(going_well()) as recorder:
        started = project.start(recorder, "restore", "latest")
        process = Path("/proc") / begun.read_text()
        ended = project.end(started, signal.SIGTERM)
    assert (ended.code, ended.states()["restore"]) == (130, "interrupted"), ended.stderr
    assert not process.exists()
    facts = ended.report()["facts"]
    assert isinstance(facts, dict)
    assert says in facts["synapse restore 3f2a" + "0" * 60 + ", interrupted"]


@pytest.mark.parametrize("job", ["ci", "backup", "restore", "drill"])
def test_a_tree_with_changes_can_be_tested_saved_and_restored_from(project: Project, job: str) -> None:
    """Nothing of it is published; the day of a restore is no day to be asked for a commit."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, job).code == 0
    epochs = [argv for argv in project.asked() if argv[:2] == ("image", "epoch")]
    assert epochs
    assert all("--allow-dirty" in argv for argv in epochs)


def paths(call: Call) -> list[object]:
    """Return the paths that were laid into a container."""
    return [found.arguments.get("path") for found in call.chain()]


def done(recorder: Recorder, words: tuple[str, ...]) -> Exec:
    """Return the one command with these words that the engine ran."""
    (found,) = [one for one in recorder.execs_done() if one.argv[: len(words)] == words]
    return found


def holds(call: Call, words: tuple[str, ...]) -> bool:
    """Say whether a request is for what a command with these words prints."""
    last = next((one for one in call.chain() if one.field == "withExec"), call)
    return tuple(parts([*last.argv], str))[: len(words)] == words
