"""Telling: real receivers get what they should, failures are tried again, and nothing secret is logged."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.ops.schedule.announcing import Announcer
from pipelines.ops.schedule.courier import Courier
from pipelines.ops.schedule.jobs import Job, job
from pipelines.ops.schedule.record import Record, Run, first_record
from pipelines.ops.schedule.rules import ended
from pipelines.ops.schedule.settings import Channels, Mail
from pipelines.ops.schedule.timetable import timetable
from tests.certificates import made_in
from tests.ops.schedule.desk import BEGIN
from tests.ops.schedule.receivers import post_office, web
from tests.waiting import wait_until

SECRET = "a-secret-word"
BACKUP = job("backup", timetable("15 3 * * *"), limit=timedelta(hours=1))
VERIFY = job("verify", timetable("15 5 * * *"), limit=timedelta(hours=1))


def _failed() -> Record:
    run = Run(
        started=BEGIN, ended=BEGIN, seconds=1, code=5, good=False, reason="Redis is away.", hint="Start it."
    )
    return ended(first_record(BEGIN), run)


class _Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")


def _pinged(announcer: Announcer, which: Job) -> None:
    record = _failed()
    announcer.began(which)
    announcer.ended(which, record.runs[-1].model_copy(update={"good": True, "reason": ""}))
    announcer.ended(which, record.runs[-1])


def test_pings_are_sent_for_each_run_and_people_hear_of_failures_and_silence_alone() -> None:
    """Start, success and failure are pinged; the webhook gets a document with the reason and the remedy."""
    with web() as receiver:
        channels = Channels(webhook=f"{receiver.url}/hook", ping=f"{receiver.url}/ping/{{job}}")
        courier = Courier(_Log())
        announcer = Announcer(channels, courier, "here")
        _pinged(announcer, VERIFY)
        wait_until(lambda: len(receiver.got) == 3, "the pings")
        assert receiver.paths == ["/ping/verify/start", "/ping/verify", "/ping/verify/fail"]
        announcer.failed(VERIFY, _failed())
        announcer.silent(BACKUP, first_record(BEGIN))
        wait_until(lambda: len(receiver.got) == 5, "the webhook")
        assert b"Redis is away." in receiver.got[2][1]
        assert b'"event":"failed"' in receiver.got[3][1]
        said = receiver.document("/hook")
        assert (said["event"], said["job"], said["host"]) == ("overdue", "backup", "here")
        assert "2026-11-30 12:00:00" in str(said["text"])
        courier.close(10)


def test_without_a_place_for_the_job_only_backups_are_pinged() -> None:
    """One address is one check of the service: a verify must not stand for a missing backup."""
    with web() as receiver:
        courier = Courier(_Log())
        announcer = Announcer(Channels(ping=f"{receiver.url}/uuid"), courier, "here")
        _pinged(announcer, VERIFY)
        _pinged(announcer, BACKUP)
        courier.close(10)
        assert receiver.paths == ["/uuid/start", "/uuid", "/uuid/fail"]


def test_what_is_refused_is_tried_again_and_then_given_up() -> None:
    """The log says how it failed and what comes, and holds no address."""
    log = _Log()
    with web() as receiver:
        receiver.status = 500
        courier = Courier(log, delays=(0.01, 0.02))
        announcer = Announcer(Channels(webhook=f"{receiver.url}/{SECRET}"), courier, "here")
        announcer.failed(BACKUP, _failed())
        wait_until(lambda: any(line.startswith("not told {") for line in log.lines), "it is given up")
        assert len(receiver.got) == 3
        receiver.status = 204
        announcer.failed(BACKUP, _failed())
        wait_until(lambda: len(receiver.got) == 4, "it is sent")
        courier.close(10)
    assert "the receiver answered 500" in log.lines[0]
    assert SECRET not in "".join(log.lines)
    assert len(log.lines) == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a-secret-word", "http://a-secret-word.invalid/"])
def test_a_receiver_that_is_away_holds_nobody_up(url: str) -> None:
    """Telling returns at once, and what is lost at the end is said."""
    log = _Log()
    courier = Courier(log)
    began = time.monotonic()
    Announcer(Channels(webhook=url), courier, "here").failed(BACKUP, _failed())
    assert time.monotonic() - began < 1
    courier.close(30)
    assert any("the scheduler ends" in line for line in log.lines)
    assert SECRET not in "".join(log.lines)


def test_too_much_is_dropped_and_said() -> None:
    """Memory stays bounded when nobody takes anything, and the thread lives through whatever is raised."""
    log, gate = _Log(), threading.Event()

    def never() -> None:
        gate.wait(60)
        raise ZeroDivisionError(SECRET)

    courier = Courier(log, delays=())
    for _ in range(150):
        courier.deliver("webhook", never)
    assert 49 <= sum("too much is waiting" in line for line in log.lines) <= 50
    gate.set()
    courier.close(30)
    assert sum("ZeroDivisionError" in line for line in log.lines) in {100, 101}
    assert SECRET not in "".join(log.lines)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_mail_goes_encrypted_with_its_login_to_a_trusted_server_alone(
    tmp_path: Path, *, trusted: bool
) -> None:
    """STARTTLS before the login; a server with another certificate sees neither login nor message."""
    certificates = made_in(tmp_path / "certificates")
    log = _Log()
    with post_office(certificates) as office:
        mail = Mail(
            host="127.0.0.1",
            port=office.port,
            security="starttls",
            sender="synapse@example.org",
            to=("ops@example.org", "second@example.org"),
            username="me",
            password=SECRET,
            ca=certificates.authority if trusted else None,
        )
        courier = Courier(log)
        Announcer(Channels(mail=mail), courier, "here\nBcc: thief@example.org").failed(BACKUP, _failed())
        courier.close(30)
    assert SECRET not in "".join(log.lines)
    if not trusted:
        assert (office.messages, office.logins) == ([], [])
        assert log.lines
        return
    to, text = office.messages[0]
    assert to == ["TO:<ops@example.org>", "TO:<second@example.org>"]
    assert office.logins == [f"me {SECRET}"]
    assert office.encrypted == [True]
    assert "Subject: synapse backup failed on here Bcc: thief@example.org\r\n" in text
    assert "Redis is away. (exit code 5)" in text
    assert "Remedy: Start it." in text
