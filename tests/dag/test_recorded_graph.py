"""What each job asks of the engine when all goes well, seen from behind the SDK."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex
from xml.etree import ElementTree as ET

import pytest

from pipelines.dag.plan import Step
from tests.commandlines import planned
from tests.dag.recording.graph import Call, Value, parts
from tests.dag.recording.project import POINT, Ended, Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import going_well

LOGIN, KEY, PHRASE = token_hex(16), token_hex(16), token_hex(16)
PUBLISHING = ("--registry", "registry.example/team", "--tag", "1.2.3")
JOBS = {
    "ci": (),
    "release": PUBLISHING,
    "reproduce": (),
    "backup": (),
    "restore": ("latest",),
    "drill": ("latest",),
}
_BEYOND_COMMANDS = {
    "check": ("make", "check"),
    "page": ("make", "page-tests"),
    "unit": ("tests/app", "tests/contracts", "tests/dag"),
    "integration": ("tests", "--ignore=tests/stack"),
    "site": ("-n", "0", "tests/served"),
}
"""What runs for a step whose plan shows no command of `synapse`."""
_EFFECTS = (
    (".venv/bin/pytest",),
    ("tests.served.filling",),
    ("synapse", "backup"),
    ("synapse", "verify"),
    ("synapse", "restore"),
    ("synapse", "points", "served"),
    ("synapse", "image", "push"),
    ("synapse", "image", "compare"),
)
"""What must run in each session anew."""
_SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|PASSPHRASE|LOGIN|_KEY\b")


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that went well: what it left, and what it had asked for."""

    job: str
    ended: Ended
    recorder: Recorder
    project: Project


@pytest.fixture(scope="module", params=JOBS)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run a job once for all questions about it, with secrets around it."""
    project = Project(tmp_path_factory.mktemp(request.param))
    kept = {"SYNAPSE_REGISTRY_LOGIN": LOGIN, "AWS_SECRET_ACCESS_KEY": KEY, "AWS_ACCESS_KEY_ID": KEY[:20]}
    kept["SYNAPSE_PASSPHRASE"] = PHRASE
    if request.param in ("backup", "drill"):
        place = {"folder": None, "url": "s3://saved/points", "endpoint": "http://127.0.0.1:7070"}
        project.answering(points_where=place)
    with recording(going_well()) as recorder:
        ended = project.run(recorder, request.param, *JOBS[request.param], **kept)
        yield Ran(request.param, ended, recorder, project)


def steps(job: str) -> tuple[Step, ...]:
    """Return the steps of a job as it is run here."""
    return planned(job, JOBS[job]).steps


def test_it_passes_and_leaves_its_reports(ran: Ran) -> None:
    """Code 0, every step passed, and the three files say so; no traceback."""
    assert ran.ended.code == 0, ran.ended.stderr
    assert "Traceback" not in ran.ended.stderr
    assert ran.ended.states() == {step.name: "passed" for step in steps(ran.job)}
    assert (ran.ended.reports / "summary.md").read_text().startswith(f"# {ran.job} passed")
    suite = ET.parse(ran.ended.reports / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(steps(ran.job))), "0")


def test_every_step_makes_the_engine_or_the_host_do_something(ran: Ran) -> None:
    """Each command that the plan shows was run, and what stands for the steps that show none."""
    commands = [run.argv for run in ran.recorder.execs_done()]
    commands += [("synapse", *argv) for argv in ran.project.asked()]
    for step in steps(ran.job):
        expected = step.commands or (_BEYOND_COMMANDS[step.name],)
        for command in expected:
            assert any(_like(found, command) for found in commands), (step.name, command)


def test_nothing_is_described_and_then_left(ran: Ran) -> None:
    """Each command and each service that was described was also run."""
    done = {key for request in ran.recorder.forced() for key in request.call.everything()}
    left = [
        call.argv
        for key, call in ran.recorder.calls().items()
        if call.field in ("withExec", "asService") and key not in done
    ]
    assert left == []


def test_each_service_that_was_started_was_stopped(ran: Ran) -> None:
    """The three of each stack (one in ci.py's site, two in each drill of it), S3 and the throw-away registry.

    What was only bound would be ended between two commands, and a repository or an image in it be gone.
    """
    started = ran.recorder.asked_of("start")
    assert started <= ran.recorder.asked_of("stop")
    many = {"ci": 5 * 3 + 2, "release": 5 * 3 + 2, "restore": 3, "drill": 3}
    assert len(started) == many.get(ran.job, 0)


@pytest.mark.parametrize("ran", ["drill"], indirect=True)
def test_a_service_is_waited_for_at_the_port_where_it_listens(ran: Ran) -> None:
    """Nginx's image exposes port 80 too, where nobody listens here: that would be waited for without end."""
    exposed = {
        call.argv[2]: [
            (found.field, found.arguments["port"]) for found in call.chain() if "ExposedPort" in found.field
        ]
        for call in ran.recorder.calls().values()
        if call.field == "asService"
    }
    assert exposed["frontend"] == [("withoutExposedPort", 80), ("withExposedPort", 8080)]


def test_what_has_effects_is_never_answered_from_the_cache(ran: Ran) -> None:
    """The run's id is in the environment before the command."""
    run = _facts(ran)["run"]
    effective = [one for one in ran.recorder.execs() if any(_holds(one.argv, words) for words in _EFFECTS)]
    assert effective
    for one in effective:
        assert one.environment.get("SYNAPSE_RUN") == run, one.argv


def test_the_dockerfiles_tell_what_images_begin_with(project: Project) -> None:
    """They hold the pins; only an image that the environment names is said to the engine."""
    with recording(going_well()) as recorder:
        named = {"NODE_IMAGE": "registry.example/node:20", "PYTHON_IMAGE": "", "NGINX_IMAGE": ""}
        assert project.run(recorder, "reproduce", REDIS_IMAGE="", **named).code == 0
    builds = [call for call in recorder.calls().values() if call.field == "dockerBuild"]
    told = {tuple(part.values()) for call in builds for part in _tables(call.arguments["buildArgs"])}
    assert ("NODE_IMAGE", "registry.example/node:20") in told
    assert {name for name, _ in told} == {"NODE_IMAGE", "SOURCE_DATE_EPOCH", "REBUILD"}


def test_no_secret_is_sent_plain(ran: Ran) -> None:
    """What is secret stands only where a secret of the engine is made; no report or line holds it either."""
    made = {
        str(call.arguments["plaintext"])
        for call in ran.recorder.calls().values()
        if call.field == "setSecret"
    }
    assert bool(made) == (ran.job in ("ci", "release", "restore", "drill"))
    told = [*_texts(ran.recorder), ran.ended.stdout, ran.ended.stderr]
    told += [path.read_text() for path in ran.ended.reports.rglob("*") if path.is_file()]
    for secret in (*made, LOGIN, KEY, KEY[:20], PHRASE):
        assert not [text for text in told if secret in text]


def test_no_variable_with_a_secret_name_has_a_value(ran: Ran) -> None:
    """Only the name of a file, or nothing."""
    for one in ran.recorder.execs():
        for name, value in one.environment.items():
            if _SECRET_NAME.search(name):
                assert value == "" or value.startswith("/"), (name, one.argv)


@pytest.mark.parametrize("ran", ["backup", "drill"], indirect=True)
def test_the_keys_of_s3_reach_the_command_as_secrets(ran: Ran) -> None:
    """By the name of the variable, never the value; and a loopback endpoint is brought into the network."""
    (verify,) = [one for one in ran.recorder.execs() if _holds(one.argv, ("synapse", "verify"))]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SYNAPSE_PASSPHRASE"):
        assert verify.secrets[name].arguments == {"uri": f"env://{name}"}
    assert verify.environment["SYNAPSE_REPOSITORY"] == "s3://saved/points"
    assert verify.environment["AWS_ENDPOINT_URL_S3"] == "http://s3:7070"
    assert [call.field for call in verify.bindings["s3"].chain()] == ["service", "host"]


@pytest.mark.parametrize("job", ["backup", "drill"])
def test_a_proof_made_in_a_container_is_kept_by_the_command(project: Project, job: str) -> None:
    """Where the repository is a folder of this machine: what `synapse` is given is what was exported."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, job).code == 0
    (exported,) = [request.call for request in recorder.forced() if "proofs" in str(request.call.arguments)]
    assert exported.arguments["path"] == str(project.reports / "proofs" / POINT)
    assert exported.parent is not None
    assert exported.parent.arguments["path"] == f"/app/backups/proofs/{POINT}"
    assert ("points", "keep-proofs", POINT, str(project.reports), "--json") in project.asked()


@pytest.mark.parametrize("ran", ["reproduce"], indirect=True)
def test_what_runs_a_build_again_is_not_left_in_its_image(ran: Ran) -> None:
    """The engine makes a variable of the image out of an argument of its last stage."""
    calls = ran.recorder.calls().values()
    again = [call for call in calls if call.field == "dockerBuild" and "REBUILD" in str(call.arguments)]
    cleared = [call.parent for call in calls if call.field == "withoutEnvVariable"]
    assert len(again) == 3
    assert all(call in cleared for call in again)
    followed = [call for call in calls if call.parent in again]
    assert {call.field for call in followed} == {"withoutEnvVariable"}


def test_two_runs_have_different_ids(project: Project) -> None:
    """And so have the passwords that they make."""
    runs, passwords = set(), set()
    for _ in range(2):
        with recording(going_well()) as recorder:
            assert project.run(recorder, "restore", "latest").code == 0
        runs |= {run.environment["SYNAPSE_RUN"] for run in recorder.execs()}
        passwords |= {
            call.arguments["plaintext"] for call in recorder.calls().values() if call.field == "setSecret"
        }
    assert len(runs) == 2
    assert len(passwords) == 4


def test_a_release_pushes_after_every_gate_and_with_its_login(project: Project) -> None:
    """The first request that rests upon a push comes when every other has its answer."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, "release", *PUBLISHING, SYNAPSE_REGISTRY_LOGIN=LOGIN).code == 0
    pushing = [request for request in recorder.forced() if published(request.call)]
    gates = [request for request in recorder.forced() if not published(request.call)]
    assert len(pushing) == 6
    assert len(gates) > 30
    answered = [request.answered for request in gates if request.answered is not None]
    assert len(answered) == len(gates)
    assert max(answered) < min(request.came for request in pushing)
    for one in (run for run in recorder.execs() if "registry.example" in " ".join(run.argv)):
        assert one.secrets["/run/secrets/registry_login"].arguments == {"uri": "env://SYNAPSE_REGISTRY_LOGIN"}


def published(call: Call) -> bool:
    """Whether a call rests upon a push to the registry of the release."""
    return any(
        _holds(found.argv, ("image", "push")) and any("registry.example" in word for word in found.argv)
        for found in call.everything().values()
    )


def _texts(recorder: Recorder) -> Iterator[str]:
    """Yield every text that was sent, but those that become secrets of the engine."""
    for call in recorder.calls().values():
        for name, value in call.arguments.items():
            if (call.field, name) != ("setSecret", "plaintext"):
                yield from parts(value, str)


def _tables(value: Value) -> list[dict[str, Value]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _facts(ran: Ran) -> dict[str, str]:
    found = ran.ended.report()["facts"]
    assert isinstance(found, dict)
    return found


def _like(found: Sequence[str], command: Sequence[str]) -> bool:
    """Whether a command is the one of a plan, with values where that has placeholders."""
    found = re.sub(r" --login-file \S+", "", " ".join(found)).split()
    patterns = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(word)) for word in command]
    return any(
        all(re.fullmatch(*pair) for pair in zip(patterns, found[at:], strict=False))
        for at in range(len(found) - len(command) + 1)
    )


def _holds(argv: Sequence[str], words: Sequence[str]) -> bool:
    return any(tuple(argv[at : at + len(words)]) == tuple(words) for at in range(len(argv)))
