"""Each check finds the very thing that is broken, and says it with its remedy."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from app.stores.index.layout import indexes_root
from pipelines.ops.doctor.check import Check, Finding, State, Subject, green
from pipelines.ops.doctor.examination import examine, worst
from tests import disks
from tests.app.doubles import model_serving
from tests.app.processes import redis_server
from tests.installation import folder_of
from tests.ops.doctor.installation import NOON, look, publish, says, subject_of
from tests.servers import answering


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """Return an installation with a data folder and nothing else."""
    subject = subject_of(tmp_path)
    subject.settings.service.data_dir.mkdir()
    return subject


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one megabyte."""
    with disks.small_disk(tmp_path / "disk") as disk:
        yield disk


def test_one_check_that_fails_or_hangs_stops_no_other() -> None:
    """What it found before stays, what went wrong is red, and the others are there in their order."""
    for_ever = threading.Event()

    def fails(_subject: Subject) -> Iterator[Finding]:
        yield green("first", "seen")
        raise ValueError("a surprise")

    def hangs(_subject: Subject) -> Iterator[Finding]:
        for_ever.wait(60)
        yield green("hangs", "late")

    def works(_subject: Subject) -> Iterator[Finding]:
        yield green("works", "well")

    checks = [Check("fails", fails), Check("hangs", hangs), Check("works", works)]
    found = examine(checks, subject_of(Path()), limit=0.5)
    for_ever.set()
    assert [finding.name for finding in found] == ["first", "fails", "hangs", "works"]
    says(found[1], State.RED, "ValueError: a surprise")
    says(found[2], State.RED, "0.5 s")
    assert worst(found) is State.RED
    assert worst(found[3:]) is State.GREEN


def test_an_empty_machine_says_what_to_type(tmp_path: Path) -> None:
    """Nothing was ever started here: each red line has a remedy."""
    subject = subject_of(tmp_path)
    names = ("redis", "backend", "data folder", "repository", "last backup")
    found = [look(name, subject)[name] for name in names]
    for finding in found:
        says(finding, State.RED)
        assert finding.remedy
    says(found[2], State.RED, "is not there", "synapse up")
    says(found[4], State.RED, "no backup", "synapse backup")


def test_a_password_that_is_wanted_and_not_set_is_red(tmp_path: Path) -> None:
    """The server answers, but lets nobody in without it."""
    with redis_server(tmp_path / "redis") as server:
        found = look("redis", subject_of(tmp_path, REDIS_PORT=str(server.port)))
    says(found["redis"], State.RED, "refused the password")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("pointer", "pointer"),
        ("no pointer", "there are documents"),
        ("no database", "cannot be read"),
        ("other bytes", "is no database"),
        ("file", "cannot be read"),
    ],
)
def test_an_index_folder_that_cannot_serve_is_red(subject: Subject, damage: str, reason: str) -> None:
    """What the backend would stumble over is said before it is started."""
    root = indexes_root(subject.settings.service.data_dir)
    epoch = root / "documents" / "e1"
    pointer = root / "documents" / "current"
    if damage == "file":
        root.write_text("in the way")
    else:
        epoch.mkdir(parents=True)
        pointer.write_text("e1\n")
        (epoch / "documents.sqlite3").write_bytes(b"SQLite format 3\x00 and so on")
        assert [one.state for one in look("indexes", subject).values()] == [State.GREEN]
    if damage == "pointer":
        pointer.write_bytes(b"\xff\x00")
    elif damage == "no pointer":
        pointer.unlink()
    elif damage == "no database":
        (epoch / "documents.sqlite3").unlink()
    elif damage == "other bytes":
        (epoch / "documents.sqlite3").write_bytes(b"nothing like it at all")
    found = look("indexes", subject)
    says(found["indexes" if damage == "file" else "index documents"], State.RED, reason)


def test_model_servers_are_asked(tmp_path: Path) -> None:
    """One that works is green, one that loads amber, one that is missing red."""
    with model_serving() as works, model_serving("loading") as loads:
        found = look(
            "models",
            subject_of(
                tmp_path,
                MODEL_A_URL=works.url,
                MODEL_B_URL=loads.url,
                MODEL_C_URL="http://127.0.0.1:1",
                EMBEDDING_URL=f"{works.url}/v1",
            ),
        )
    says(found["model MODEL_A_URL"], State.GREEN)
    says(found["model MODEL_B_URL"], State.AMBER, "loading")
    says(found["model MODEL_C_URL"], State.RED, "http://127.0.0.1:1 cannot be reached", "MODEL_C_URL")
    says(found["model EMBEDDING_URL"], State.GREEN)


def test_a_full_disk_is_red(small_disk: Path, tmp_path: Path) -> None:
    """Nearly full by what is left, full by what cannot be written; the repository's disk too."""
    subject = subject_of(
        tmp_path, DATA_DIR=str(small_disk), SYNAPSE_REPOSITORY=str(small_disk / "repository")
    )
    publish(subject, NOON, good=True)
    says(look("data folder", subject)["data folder"], State.RED, "nearly full")
    with (small_disk / "filler").open("wb") as filler, suppress(OSError):
        filler.write(b"x" * 2_000_000)
    says(look("data folder", subject)["data folder"], State.RED, "is full", "Make room")
    says(look("repository", subject)["repository"], State.RED, "is full")


def test_a_repository_on_another_disk_is_green(small_disk: Path, tmp_path: Path) -> None:
    """The line is amber on the data's own disk only."""
    subject = subject_of(tmp_path, SYNAPSE_REPOSITORY=str(small_disk / "repository"))
    subject.settings.service.data_dir.mkdir()
    publish(subject, NOON, good=True)
    says(look("repository", subject)["repository disk"], State.GREEN, "another disk")


def test_a_repository_that_is_missing_or_newer_is_red(subject: Subject) -> None:
    """It says where it was looked for, and what to set."""
    says(look("repository", subject)["repository"], State.RED, "no repository", "SYNAPSE_REPOSITORY")
    folder_of(subject.settings).mkdir()
    (folder_of(subject.settings) / "config").write_text('{"format": 9}')
    says(look("repository", subject)["repository"], State.RED, "config")


@pytest.mark.parametrize(
    ("good", "hours", "state", "reason"),
    [
        (True, 1, State.GREEN, "1.0 hours old, is proven"),
        (True, 27, State.AMBER, "27.0 hours old"),
        (None, 1, State.AMBER, "is not proven; no other one is"),
        (False, 1, State.RED, "is damaged"),
    ],
)
def test_the_last_backup_is_judged(
    subject: Subject, good: bool | None, hours: int, state: State, reason: str
) -> None:
    """Green is only what was proven, and not long ago."""
    publish(subject, NOON - timedelta(hours=hours), good=good)
    says(look("last backup", subject)["last backup"], state, reason)


def test_a_damaged_manifest_is_red_and_an_older_one_amber(subject: Subject) -> None:
    """A flipped byte in a manifest is seen; a newer good backup makes it a matter of the past."""
    ref = publish(subject, NOON - timedelta(hours=3), good=True)
    manifest = folder_of(subject.settings) / ref.key
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b"here", b"hers"))
    says(look("last backup", subject)["last backup"], State.RED, "damaged", "synapse backup")
    publish(subject, NOON - timedelta(hours=2), good=True)
    unproven = publish(subject, NOON - timedelta(hours=1), good=None)
    found = look("last backup", subject)
    says(found["last backup"], State.AMBER, unproven.short, "not proven", "is 2.0 hours old")
    says(found["older backups"], State.AMBER, ref.short)


def test_a_clock_that_is_wrong_is_red(subject: Subject, tmp_path: Path) -> None:
    """A restore point from tomorrow, or a year before this software, cannot be."""
    publish(subject, NOON + timedelta(days=1), good=True)
    says(look("clock", subject)["clock"], State.RED, "before the newest restore point", "NTP")
    early = subject_of(tmp_path / "other", now=NOON.replace(year=1970))
    says(look("clock", early)["clock"], State.RED, "1970")


@pytest.mark.parametrize("status", [b"502 Bad Gateway", b"504 Gateway Timeout"])
def test_a_proxy_does_not_stand_for_the_backend(tmp_path: Path, status: bytes) -> None:
    """What nginx answers for one that is away is no stranger's answer."""
    with answering(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}" % status) as port:
        found = look("backend", subject_of(tmp_path, API_PORT=str(port)))
    says(found["backend"], State.RED, "does not reach the backend", "Start it")


def test_a_machine_that_cannot_boot_a_point_is_red(tmp_path: Path) -> None:
    """No such program, no scratch folder: a restore would fail, so it is said now."""
    no_server = subject_of(tmp_path, SYNAPSE_REDIS_SERVER="/bin/true")
    says(look("scratch server", no_server)["scratch server"], State.RED, "/bin/true", "SYNAPSE_REDIS_SERVER")
    no_folder = subject_of(tmp_path, SYNAPSE_SCRATCH_DIR=str(tmp_path / "nowhere"))
    says(look("scratch server", no_folder)["scratch server"], State.RED, "nowhere", "SYNAPSE_SCRATCH_DIR")
    says(look("scratch server", subject_of(tmp_path))["scratch server"], State.GREEN, "boots")


def test_a_stranger_on_a_port_is_red(tmp_path: Path) -> None:
    """A program that is neither Redis nor the backend is named; a free port is green."""
    subject = subject_of(tmp_path)
    service = subject.settings.service
    assert {one.state for one in look("ports", subject).values()} == {State.GREEN}
    with model_serving() as stranger, socket.create_server(("127.0.0.1", service.redis_port)) as mute:
        port = stranger.url.rpartition(":")[2]
        closing = threading.Thread(target=_hang_up, args=(mute,))
        closing.start()
        found = look("ports", subject_of(tmp_path, REDIS_PORT=str(service.redis_port), API_PORT=port))
        closing.join(20)
    says(found[f"port {service.redis_port}"], State.RED, "somebody else", "REDIS_PORT")
    says(found[f"port {port}"], State.RED, "somebody else", "API_PORT")


def _hang_up(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    peer.close()
