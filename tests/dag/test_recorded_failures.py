"""What a job does when a step fails, the engine is lost or the operator interrupts, seen behind the SDK."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.dag.suites import MAY_LACK
from tests.dag.recording.answers import Cut, Fails, Hangs, Rule, Says, asked, exporting, running
from tests.dag.recording.graph import Call, parts
from tests.dag.recording.project import GIT, Ended, Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import going_well

PUBLISHING = ("--registry", "registry.example/team", "--tag", "1.2.3")
SERVED = ("-n", "0", "tests/served")
CASES: dict[str, tuple[str, Rule]] = {
    "check": ("check", running(("make", "check"), Fails(2, "one.py:1: wrong", "make: error"), "stdout")),
    "image-ops": ("image-ops", running(("image", "digest"), Fails(4, "", "damaged"), "stdout")),
    "rehearse": ("rehearse", running(("image", "push"), Fails(5, "", "no answer"), "stdout")),
    "site": ("site", running(SERVED, Says(1), "exitCode")),
    "drill-s3": ("drill-s3", running(("synapse", "backup"), Fails(1, "", "no"), "stdout")),
}
WITH_LIMIT = """
import sys
from dataclasses import replace
from pipelines.ci import CI, STEPS
from pipelines.dag.job import main
from pipelines.dag.plan import planned
steps = [replace(step, limit_s=int(sys.argv.pop(1))) if step.name == "site" else step for step in STEPS]
main(replace(CI, plan=lambda _options: planned("ci", steps)))
"""


@pytest.mark.parametrize("gate", CASES)
def test_one_failed_gate_and_nothing_is_published(project: Project, gate: str) -> None:
    """No push to the release's registry is asked for; code, report and summary name the gate."""
    name, rule = CASES[gate]
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "release", *PUBLISHING)
    assert ended.code not in (0, 7)
    assert ended.code == ended.report()["code"]
    states = ended.states()
    assert (states[name], states["publish"]) == ("failed", "not run")
    assert f"**{name}**" in (ended.reports / "summary.md").read_text()
    assert "Traceback" not in ended.stderr
    assert not [run for run in recorder.execs() if "registry.example" in " ".join(run.argv)]
    all_stopped(recorder)


@pytest.mark.parametrize(
    ("counts", "why", "says"),
    [
        ('tests="0" failures="0" errors="0" skipped="0"', "", "no test ran (0 skipped)"),
        ('tests="2" failures="0" errors="0" skipped="2"', "needs root", "no test ran (2 skipped)"),
        (
            'tests="3" failures="0" errors="0" skipped="1"',
            "NOT CHECKED: there is no moon",
            "2 passed, but NOT CHECKED: there is no moon",
        ),
    ],
)
def test_a_suite_that_has_checked_nothing_or_not_all_fails(
    project: Project, counts: str, why: str, says: str
) -> None:
    """Though pytest itself ended with 0."""
    with recording([suite_of(counts, why), *going_well()]) as recorder:
        ended = project.run(recorder, "ci", "--only", "integration")
    assert (ended.code, ended.states()["integration"]) == (1, "failed")
    assert ended.steps["integration"]["reason"] == says


@pytest.mark.parametrize("allowed", MAY_LACK)
def test_what_no_container_can_check_is_told_and_fails_nothing(project: Project, allowed: str) -> None:
    """The report has the reason, and how often there was it."""
    rule = suite_of('tests="3" failures="0" errors="0" skipped="1"', f"{allowed}it said no")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "ci", "--only", "integration")
    assert ended.code == 0, ended.stderr
    assert ended.figures("integration")["skipped_because"] == {f"{allowed}it said no": 1}


@pytest.mark.parametrize("service", ["redis", "backend", "frontend"])
def test_a_service_that_does_not_get_healthy_fails_its_step(project: Project, service: str) -> None:
    """It is named, what was started is stopped, and the logs are exported."""
    rule = _of_service(service, "start", Fails(None, stderr="its port was never open"))
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "ci", "--only", "site")
    assert (ended.code, ended.states()["site"]) == (1, "failed")
    assert f"{service} does not get healthy: its port was never open" in ended.stderr
    assert recorder.asked_of("start")
    all_stopped(recorder)
    exported = [str(run.call.arguments["path"]) for run in recorder.requests if run.call.field == "export"]
    assert str(project.reports / "logs/site") in exported


@pytest.mark.parametrize("job", ["ci", "drill"])
def test_a_service_that_never_answers_is_given_up_after_its_own_limit(project: Project, job: str) -> None:
    """Long before its step's; the end of the logs is shown, and what was started is stopped."""
    hanging = _of_service("backend", "start", Hangs())

    def logs(call: Call) -> Says | None:
        path = str(call.arguments.get("path", ""))
        if call.field == "export" and "/logs/" in path:
            (Path(path) / "backend").mkdir(parents=True)
            (Path(path) / "backend/backend.log").write_text("it waits for the moon\n")
            return Says(path)
        return None

    with recording([hanging, logs, *going_well()]) as recorder:
        ended = project.run(recorder, job, "--start-limit", "3", *(("--only", "site") if job == "ci" else ()))
    step = "site" if job == "ci" else "rehearse"
    assert (ended.code, ended.states()[step]) == (1, "failed")
    assert "backend does not get healthy within 3 s" in ended.stderr
    assert "backend | it waits for the moon" in ended.stderr
    all_stopped(recorder)


@pytest.mark.parametrize(
    ("step", "of", "rule"),
    [
        ("site", 3, running(SERVED, Says(1), "exitCode")),
        ("drill-s3", 4, CASES["drill-s3"][1]),
        ("rehearse", 1, CASES["rehearse"][1]),
    ],
)
def test_the_logs_that_are_exported_are_those_that_were_written(
    project: Project, step: str, of: int, rule: Rule
) -> None:
    """Of every service, into the step's folder: mounted with another owner it is another, empty volume."""
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "ci", "--only", step)
    assert ended.states()[step] == "failed"
    written: set[tuple[str, object]] = set()
    exported: set[tuple[str, object]] = set()
    for call in recorder.calls().values():
        path = str(call.arguments.get("path", ""))
        if call.field == "withMountedCache" and path.startswith("/logs"):
            (volume,) = parts(call.arguments["cache"], Call)
            (written if path == "/logs" else exported).add((volume.id, call.arguments.get("owner")))
    assert len(written) == of
    assert exported == written
    places = {str(run.call.arguments["path"]) for run in recorder.requests if run.call.field == "export"}
    assert str(project.reports / "logs" / step) in places


def test_a_service_that_cannot_be_stopped_keeps_no_other_running(project: Project) -> None:
    """Each is asked to stop, whatever the first of them says."""
    rule = _of_service("frontend", "stop", Fails(None, stderr="is not running"))
    with recording([rule, *going_well()]) as recorder:
        project.run(recorder, "ci", "--only", "site")
    assert len(recorder.asked_of("start")) == 3
    all_stopped(recorder)


def test_a_step_that_takes_too_long_stops_its_services(project: Project) -> None:
    """The step is ended at its limit, its services are not left running, the reports say so."""
    hanging = Hangs()
    with recording([running(SERVED, hanging, "exitCode"), *going_well()]) as recorder:
        command = [
            sys.executable,
            "-c",
            WITH_LIMIT,
            "15",
            "--only",
            "site",
            "--reports",
            str(project.reports),
        ]
        ended = project.end(project.start_command(recorder, command))
    assert hanging.reached.is_set()
    assert (ended.code, ended.states()["site"]) == (1, "timed out")
    assert len(recorder.asked_of("start")) == 3
    all_stopped(recorder)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_stops_its_services_and_reports(project: Project, sent: signal.Signals) -> None:
    """Code 130, no traceback, the reports are there, no service runs on."""
    hanging = Hangs()
    with recording([running(SERVED, hanging, "exitCode"), *going_well()]) as recorder:
        started = project.start(recorder, "ci", "--only", "site")
        assert hanging.reached.wait(100), project.end(started, signal.SIGKILL).stderr
        ended = project.end(started, sent)
    assert ended.code == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.states()["site"] == "interrupted"
    assert ended.states()["image-ops"] == "passed"
    assert (ended.reports / "summary.md").exists()
    assert (ended.reports / "junit.xml").exists()
    assert len(recorder.asked_of("start")) == 3
    all_stopped(recorder)


def test_a_killed_job_leaves_nothing_of_the_run_before(project: Project) -> None:
    """Its report says that it runs; of the folder's other files none is touched."""
    left = ("report.json", "summary.md", "junit.xml", "junit-site.xml", "logs/site/redis/redis.log")
    for name in (*left, "proofs/one", "junit.txt"):
        (project.reports / name).parent.mkdir(parents=True, exist_ok=True)
        (project.reports / name).write_text('{"code": 0}')
    hanging = Hangs()
    with recording([asked("version", hanging)]) as recorder:
        started = project.start(recorder, "backup")
        assert hanging.reached.wait(100)
        ended = project.end(started, signal.SIGKILL)
    report = ended.report()
    assert (report["job"], report["state"], report["code"]) == ("backup", "running", None)
    kept = {str(file.relative_to(ended.reports)) for file in ended.reports.rglob("*") if file.is_file()}
    assert kept == {"report.json", "summary.md", "proofs/one", "junit.txt"}
    assert "was killed" in (ended.reports / "summary.md").read_text()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_before_the_first_step_is_no_surprise(project: Project, sent: signal.Signals) -> None:
    """Code 130 without a traceback, and the reports say that no step has ended."""
    hanging = Hangs()
    with recording([asked("version", hanging)]) as recorder:
        started = project.start(recorder, "backup")
        assert hanging.reached.wait(100), project.end(started, signal.SIGKILL).stderr
        ended = project.end(started, sent)
    interrupted_at_once(project, ended)


def test_an_interruption_while_the_versions_are_asked_is_no_surprise(
    project: Project, tmp_path: Path
) -> None:
    """The same while the command line program does not say its version; it is not left running."""
    told, cli = tmp_path / "asked", tmp_path / "bin/dagger"
    os.mkfifo(told)
    cli.parent.mkdir()
    cli.write_text(f"#!/bin/sh\necho $$ > {told}\nexec sleep 1000\n")
    cli.chmod(0o755)
    with recording() as recorder:
        started = project.start(recorder, "backup", PATH=f"{cli.parent}:{os.environ['PATH']}")
        process = Path("/proc") / told.read_text().strip()
        ended = project.end(started, signal.SIGTERM)
    interrupted_at_once(project, ended)
    assert not process.exists()


@pytest.mark.parametrize(
    ("job", "words", "name"),
    [
        (("ci", "--only", "check"), ("make", "check"), "check"),
        (("ci", "--only", "unit"), ("tests/app",), "unit"),
        (("backup",), ("synapse", "verify"), "prove"),
        (("ci", "--only", "rehearse"), ("image", "push"), "rehearse"),
    ],
)
def test_a_request_whose_connection_was_lost_is_not_sent_again(
    project: Project, job: tuple[str, ...], words: tuple[str, ...], name: str
) -> None:
    """It may have had its effect already: it is seen once, and its step fails."""
    with recording([running(words, Cut(), "stdout", "exitCode"), *going_well()]) as recorder:
        ended = project.run(recorder, *job)
    cut = [request for request in recorder.requests if request.answered is None]
    assert len(cut) == 1
    assert (ended.code, ended.states()[name]) == (7, "failed")
    assert "the connection to the Dagger engine was lost" in str(ended.steps[name]["reason"])
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("job", ["ci", "backup"])
def test_another_version_of_the_engine_is_refused(project: Project, job: str) -> None:
    """Code 7, both versions in one sentence, and nothing is asked of the engine."""
    with recording([asked("version", Says("v0.20.0"))]) as recorder:
        ended = project.run(recorder, job, "--json")
    one_sentence(ended, "The Dagger engine is v0.20.0, and 0.21.8 is needed.")
    assert {request.call.field for request in recorder.requests} == {"version"}


@pytest.mark.parametrize("told", [Cut(), Fails(None, stderr="it is shutting down")])
def test_an_engine_that_is_lost_at_once_is_told_in_one_sentence(project: Project, told: Cut | Fails) -> None:
    """Code 7."""
    with recording([asked("version", told)]) as recorder:
        ended = project.run(recorder, "ci", "--json")
    one_sentence(ended, "The Dagger engine does not answer")


def test_a_wrong_token_is_told_in_one_sentence(project: Project) -> None:
    """Code 7: the session is another one's."""
    with recording() as recorder:
        ended = project.run(recorder, "ci", "--json", DAGGER_SESSION_TOKEN="another")
    one_sentence(ended, "The Dagger engine does not answer")


def test_a_report_to_compare_with_that_is_none_is_named(project: Project, tmp_path: Path) -> None:
    """Code 2, before anything is built."""
    (tmp_path / "none.json").write_text("{}")
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "reproduce", "--json", "--against", str(tmp_path / "none.json"))
    assert ended.code == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "none.json is no report" in json.loads(ended.stdout)["error"]["what"]
    assert not recorder.forced()


def test_a_report_of_another_commit_is_no_comparison(project: Project) -> None:
    """Code 6, before anything is built; that of the same is read before this run's own takes its place."""
    report = str(project.reports / "report.json")
    with recording(going_well()) as recorder:
        facts = project.run(recorder, "reproduce").report()["facts"]
        assert isinstance(facts, dict)
        assert (len(facts["commit"]), facts["dirty"]) == (40, "no")
        assert project.run(recorder, "reproduce", "--against", report).code == 0
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "Later"], cwd=project.folder, check=True)
    with recording(going_well()) as recorder:
        refused = project.run(recorder, "reproduce", "--against", report)
    assert (refused.code, recorder.requests) == (6, [])
    assert f"The other report is of commit {facts['commit']}" in refused.stderr


def test_a_restore_that_failed_its_rehearsal_touches_nothing(project: Project) -> None:
    """The running stack is not restored."""
    rule = running(("synapse", "restore"), Fails(4, "", "a chunk is damaged"), "stdout")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "restore", "latest")
    assert ended.code == 4
    assert (ended.states()["rehearse"], ended.states()["restore"]) == ("failed", "not run")
    assert not [argv for argv in project.asked() if argv[0] == "restore"]
    all_stopped(recorder)


def test_signals_that_follow_the_first_are_not_heard(project: Project) -> None:
    """`dagger run` sends SIGTERM after a Ctrl-C, also when the job is already writing its reports."""
    hanging = Hangs()
    with recording([running(SERVED, hanging, "exitCode"), *going_well()]) as recorder:
        started = project.start(recorder, "ci", "--only", "site")
        assert hanging.reached.wait(100)
        started.send_signal(signal.SIGINT)
        while started.poll() is None:
            started.send_signal(signal.SIGTERM)
            started.send_signal(signal.SIGHUP)
            time.sleep(0.001)  # it is to be told again all the time
        ended = project.end(started)
    assert ended.code == 130, ended.stderr
    assert ended.states()["site"] == "interrupted"
    assert {"report.json", "summary.md", "junit.xml"} <= {file.name for file in ended.reports.iterdir()}
    all_stopped(recorder)


def suite_of(counts: str, why: str) -> Rule:
    """Let the tests leave these numbers, and one test that was skipped for a reason."""
    case = f'<testcase name="one"><skipped type="pytest.skip" message="{why}">where</skipped></testcase>'
    return exporting(
        ".xml", f"<testsuites><testsuite {counts}>{case if why else ''}</testsuite></testsuites>"
    )


def all_stopped(recorder: Recorder) -> None:
    """Hold that no service that was started runs on."""
    assert recorder.asked_of("start") <= recorder.asked_of("stop")


def interrupted_at_once(project: Project, ended: Ended) -> None:
    """Hold that a backup ended with code 130 before its first step, with reports and without a traceback."""
    assert ended.code == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.states() == {"capture": "interrupted", "prove": "interrupted"}
    assert project.asked() == []


def one_sentence(ended: Ended, words: str) -> None:
    """Hold that no engine is told of with code 7, in words and as data, without a traceback."""
    assert ended.code == 7, ended.stderr
    assert "Traceback" not in ended.stderr
    assert words in json.loads(ended.stdout)["error"]["what"]
    assert [line.split()[0] for line in ended.stderr.splitlines()[-2:]] == ["Error:", "Remedy:"]


def _of_service(name: str, field: str, told: Fails | Hangs) -> Rule:
    def rule(call: Call) -> Fails | Hangs | None:
        service = next(call.chain()).parent
        return told if call.field == field and service is not None and name in service.argv else None

    return rule
