"""A job over its lives: run when it is due, once, by one scheduler; its end, its failures and its silence."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.ops.schedule.keeping import FOLDER
from tests.ops.schedule.desk import BEGIN, Desk
from tests.processes import lives
from tests.waiting import wait_until

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return the surroundings, on a folder of their own."""
    made = Desk(tmp_path / "data")
    yield made
    made.close()


def test_it_runs_when_it_is_due_and_then_at_the_next_time(desk: Desk) -> None:
    """Not before its time, once at it, and the result is kept for the next life."""
    runner = desk.runner()
    assert not runner.start_if_due()
    desk.now += timedelta(minutes=17)
    desk.script = """echo 'all well' >&2; echo '{"point": "3f2a", "size": 7, "bytes_new": 5}'"""
    assert runner.start_if_due()
    assert not runner.start_if_due()
    run = desk.ran(runner)
    assert (run.code, run.good, run.point, run.size, run.bytes_new) == (0, True, "3f2a", 7, 5)
    assert desk.told == [("began", "backup"), ("good", "backup")]
    assert {"event": "said", "job": "backup", "line": "all well"} in desk.log
    assert not runner.start_if_due()
    assert desk.runner().record().kept == run
    assert desk.runner().next_run() == BEGIN + timedelta(minutes=77)


def test_what_was_missed_while_down_is_run_once_at_the_start(desk: Desk) -> None:
    """Five times went by: one run, in the next life."""
    desk.runner()
    desk.now += 5 * HOUR
    runner = desk.runner()
    assert runner.start_if_due()
    assert desk.ran(runner).good
    assert not runner.start_if_due()
    assert not desk.runner().start_if_due()


def test_a_first_start_owes_nothing(desk: Desk) -> None:
    """An empty stack on a new machine must not become the newest restore point."""
    assert not desk.runner().start_if_due()
    assert desk.runner().next_run() == BEGIN + timedelta(minutes=17)


def test_a_failure_is_told_and_tried_again_later(desk: Desk) -> None:
    """The reason is that of the command; a minute, then two, and the first good run ends it."""
    runner = desk.runner()
    desk.now += HOUR
    desk.script = """echo '{"error": {"what": "Redis is away.", "hint": "Start it."}}'; exit 5"""
    assert runner.start_if_due()
    run = desk.ran(runner)
    assert (run.code, run.good, run.reason, run.hint) == (5, False, "Redis is away.", "Start it.")
    assert desk.told[-1] == ("failed", "backup: Redis is away.")
    assert runner.next_run() == desk.now + timedelta(minutes=1)
    desk.now += timedelta(minutes=1)
    assert runner.start_if_due()
    desk.ran(runner)
    assert desk.told[-1] == ("bad", "backup")
    assert runner.next_run() == desk.now + timedelta(minutes=2)
    desk.now += timedelta(minutes=2)
    desk.script = "true"
    assert runner.start_if_due()
    assert desk.ran(runner).good
    assert runner.record().failures == 0


@pytest.mark.parametrize(("name", "good"), [("forget", True), ("prune", True), ("backup", False)])
def test_nothing_to_do_is_a_failure_of_a_backup_alone(desk: Desk, name: str, good: bool) -> None:
    """Code 3: no point to forget is no alarm; nothing to back up is one."""
    runner = desk.runner(name)
    desk.script = "exit 3"
    assert runner.start()
    assert desk.ran(runner).good is good


def test_a_command_that_is_not_there_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be started ends nothing but its run."""
    runner = desk.runner()

    def launch(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(runner, "_launch", launch)
    assert runner.start()
    assert not runner.busy
    assert "cannot be started" in runner.record().runs[-1].reason
    assert desk.runner().start()


def test_two_schedulers_run_it_once(desk: Desk) -> None:
    """The second sees that the first runs it, and afterwards that it has been run."""
    first, second = desk.runner(), desk.runner()
    desk.now += HOUR
    gate = desk.folder / "gate"
    desk.script = f"until test -e {gate}; do sleep 0.05; done"
    assert first.start_if_due()
    assert not second.start_if_due()
    assert not second.start()
    gate.touch()
    assert desk.ran(first).good
    assert not second.start_if_due()
    assert second.record().success == desk.now


_ENDS_WITH = "trap 'exit {}' TERM; echo ready >&2; while :; do sleep 0.05; done"


def test_a_job_that_takes_too_long_is_told_to_end_and_its_code_is_kept(desk: Desk) -> None:
    """SIGTERM first: it ends in good order, with its own code."""
    runner = desk.runner(limit=60)
    desk.script = _ENDS_WITH.format(130)
    assert runner.start()
    desk.said(runner, "ready")
    desk.ticks += 60
    run = desk.ran(runner)
    assert run.code == 130
    assert "had not ended after 60 s" in run.reason


def test_a_job_that_does_not_end_is_killed_with_what_it_started(desk: Desk) -> None:
    """SIGKILL after the grace, to its whole group."""
    runner = desk.runner(limit=60)
    desk.script = (
        f"trap '' TERM; sleep 300 & echo $! > {desk.folder}/pid; echo ready >&2; while :; do wait; done"
    )
    assert runner.start()
    desk.said(runner, "ready")
    desk.ticks += 60
    assert runner.look() is None
    desk.ticks += 20
    assert desk.ran(runner).code == -signal.SIGKILL
    left = int((desk.folder / "pid").read_text())
    wait_until(lambda: not lives(left), "what it started has ended")


def test_told_to_end_it_is_no_failure_and_runs_at_the_next_start(desk: Desk) -> None:
    """The scheduler ends: the job is asked to, nobody is alarmed, and it is owed."""
    runner = desk.runner()
    desk.script = _ENDS_WITH.format(130)
    desk.now += HOUR
    assert runner.start_if_due()
    desk.said(runner, "ready")
    runner.tell_to_end()
    assert desk.ran(runner).code == 130
    assert desk.told == [("began", "backup")]
    assert desk.runner().start_if_due()


def test_told_to_end_it_may_still_succeed(desk: Desk) -> None:
    """A job that ends with 0 though it was told to end has done its work."""
    runner = desk.runner()
    desk.script = _ENDS_WITH.format(0)
    assert runner.start()
    desk.said(runner, "ready")
    runner.tell_to_end()
    assert desk.ran(runner).good
    assert not desk.runner().start_if_due()


def test_silence_is_told_though_nothing_runs(desk: Desk) -> None:
    """Two hours after its time, once, and again after a day; a good run ends it."""
    runner = desk.runner()
    desk.now += 3 * HOUR
    runner.see_to_silence()
    assert desk.told == []
    desk.now += timedelta(minutes=1)
    runner.see_to_silence()
    runner.see_to_silence()
    desk.runner().see_to_silence()
    assert desk.told == [("silent", "backup")]
    desk.now += timedelta(days=1)
    runner.see_to_silence()
    assert desk.told == [("silent", "backup")] * 2
    assert runner.start()
    desk.ran(runner)
    runner.see_to_silence()
    assert desk.told[-1] == ("good", "backup")


def test_silence_is_told_while_it_hangs(desk: Desk) -> None:
    """A job that runs and runs is silent, too."""
    runner = desk.runner()
    desk.script = "sleep 60"
    assert runner.start()
    desk.now += 4 * HOUR
    runner.see_to_silence()
    assert desk.told[-1] == ("silent", "backup")
    runner.tell_to_end()
    desk.ran(runner)


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 1}', b"\xff" * 9, b"[" * 999])
def test_a_damaged_record_is_laid_aside_and_the_job_is_run(desk: Desk, content: bytes) -> None:
    """A run too many is better than one too few; the file is kept for whoever looks."""
    desk.runner()
    path = desk.folder / FOLDER / "backup.json"
    path.write_bytes(content)
    runner = desk.runner()
    assert path.with_suffix(".damaged").read_bytes() == content
    assert any("cannot be read" in str(line["event"]) for line in desk.log)
    assert runner.start_if_due()
    assert desk.ran(runner).good


def test_a_full_disk_stops_no_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is remembered, so the job is not run again and again, and written later."""
    runner = desk.runner()
    desk.now += HOUR

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.ops.schedule.keeping.replace_file", full)
        assert runner.start_if_due()
        assert desk.ran(runner).good
        assert not runner.start_if_due()
        runner.catch_up_writing()
        assert [line["why"] for line in desk.log if "why" in line] == ["No space left on device"]
    runner.catch_up_writing()
    assert desk.runner().record().success == desk.now
    desk.now += HOUR
    assert runner.start_if_due()
    desk.ran(runner)
    assert desk.runner().record().success == desk.now


def test_a_clock_that_was_ahead_stops_nothing(desk: Desk) -> None:
    """A run in the wrong year, then the right time again: due at the next time, and silence is noticed."""
    runner = desk.runner()
    desk.now += timedelta(days=400)
    assert runner.start_if_due()
    desk.ran(runner)
    desk.now = BEGIN + HOUR
    assert runner.next_run() == BEGIN + timedelta(minutes=77)
    desk.now += timedelta(minutes=17)
    assert runner.start_if_due()
    desk.ran(runner)
    desk.now += 4 * HOUR
    runner.see_to_silence()
    assert desk.told[-1] == ("silent", "backup")


def test_a_great_deal_of_output_is_bounded(desk: Desk) -> None:
    """Lines without an end and documents without an end take no memory; the run goes on."""
    runner = desk.runner()
    desk.script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; head -c 9000000 /dev/zero"
    assert runner.start()
    assert desk.ran(runner).good
    assert max(len(str(line.get("line", ""))) for line in desk.log) <= 2000
