"""An S3 store behind a bad network: whatever fails, every older point restores bit for bit, or it is said."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ops.errors import DamagedError, ExitCode, OpsError, UnreachableError
from pipelines.ops.repository import Repository
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.s3_patience import Patience
from pipelines.ops.repository.times import Times
from tests.ops.repository.keeping import Kept, keys
from tests.ops.repository.test_prune_s3 import age
from tests.s3.between import Answer, Ask, between, refusal
from tests.s3.faults import Faults
from tests.s3.versitygw import S3Server, s3_environ, s3_server, store_of

SEED = 20261201
SYNAPSE = Path(sys.executable).parent / "synapse"
POOL = [random.Random(number).randbytes(60) for number in range(24)]
AGED_S = 13 * 3600.0
PATIENT = Patience(tries=12, first=0.01, most=0.05, connect=5, read=0.5)
IMPATIENT = replace(PATIENT, tries=1)


class Machine:
    """Somebody who backs up, forgets and prunes over a bad way, beside somebody with a good one who looks."""

    def __init__(self, server: S3Server, prefix: str, seed: str, chance: float) -> None:
        self.dice = random.Random(seed)
        self.faults = Faults(seed, chance)
        self.looking = Kept()
        self.server = server
        self.place = server.environ(prefix)
        self.folder = server.bucket_folder / prefix
        self.looking.use(store_of(self.place))
        self.owed: set[str] = set()
        """The points that were acknowledged, and that nobody has forgotten."""
        self.failed = 0

    def run(self, steps: int) -> None:
        """Take so many steps, and look after each; then a prune must leave no garbage."""
        with self.faults.before(self.server.endpoint) as address:
            for _ in range(steps):
                patience = self.dice.choice([PATIENT, PATIENT, IMPATIENT])
                self._step(self._machine(address, patience), patient=patience is PATIENT)
                self._look()
        self._end()

    def _machine(self, address: str, patience: Patience) -> Repository:
        store = store_of(self.place | {"AWS_ENDPOINT_URL_S3": address}, patience=patience)
        # What died may have left a record, which a backup outlasts.
        pace = Pace(Times(), lambda _seconds: self._age())
        return replace(self.looking.repository, store=store, now=self.looking.clock.machine, pace=pace)

    def _step(self, repository: Repository, *, patient: bool) -> None:
        kept = Kept()
        kept.repository, kept.clock, kept.contents = repository, self.looking.clock, self.looking.contents
        what = self.dice.choice(["backup", "backup", "backup", "forget", "prune", "restore", "wait"])
        chosen = tuple(sorted(self.dice.sample(POOL, 5)))
        told: OpsError | None = None
        try:
            match what:
                case "backup":
                    self.owed.add(kept.backup(*chosen).id)
                case "forget" if len(self.owed) > 1:
                    one = self.dice.choice(sorted(self.owed))
                    self.owed.discard(one)
                    repository.forget(next(ref for ref in self.looking.repository.points() if ref.id == one))
                case "prune":
                    repository.prune()
                case "restore":
                    kept.check()
                case "wait":
                    self._age()
        except OpsError as error:
            told = error
        if told is not None:
            self.failed += 1
            # A backup may have found in an old listing what is gone; it says so, and nothing of it is seen.
            stale = what == "backup" and self.faults.met["stale"]
            # Who reads once takes what arrives with a wrong bit for what is there.
            spoiled = not patient and self.faults.met["spoiled"]
            damaged = isinstance(told, DamagedError) and (stale or spoiled)
            assert damaged or told.code == ExitCode.UNREACHABLE, (what, told.what)
        # A point whose acknowledgement was lost is there, and must be whole as the others.
        for ref in self.looking.repository.points():
            self.looking.contents.setdefault(ref.id, chosen)

    def _look(self) -> None:
        self.looking.check()
        assert self.owed <= {ref.id for ref in self.looking.repository.points()}

    def _age(self) -> None:
        """Make everything 13 hours older, as the server sees it."""
        self.faults.time_passes()
        for path in self.folder.rglob("*"):
            if path.is_file():
                was = path.stat().st_mtime
                os.utime(path, (was - AGED_S, was - AGED_S))

    def _end(self) -> None:
        for _ in range(3):
            self._age()
            self.looking.repository.prune()
        refs = self.looking.repository.points()
        needed = {data for ref in refs for data in self.looking.contents[ref.id]}
        assert self.looking.objects() == keys(*needed)
        assert self.looking.rest() == set()
        self.looking.check()


def histories(tmp_path: Path, count: int, steps: int) -> None:
    """Run so many histories on one server."""
    failed = 0
    met: set[str] = set()
    with s3_server(tmp_path / "s3") as server:
        for number in range(count):
            machine = Machine(server, f"h{number}", f"{SEED} {number}", chance=0.12)
            machine.run(steps)
            failed += machine.failed
            met |= {kind for kind, times in machine.faults.met.items() if times}
    assert met >= {"500", "503", "refused", "lost", "cut", "hung"}
    assert failed, "no step failed: nothing is shown of those that do"


def test_a_bad_network(tmp_path: Path) -> None:
    """A short history, with the seed above."""
    histories(tmp_path, 1, 14)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_bad_network_for_long(tmp_path: Path) -> None:
    """Many histories, each with its own seed."""
    histories(tmp_path, 25, 40)


def test_commands_over_a_bad_network(tmp_path: Path) -> None:
    """What one command is tried again for, nobody is told; the code is that of success."""
    with s3_server(tmp_path / "s3") as server:
        kept = Kept()
        kept.use(store_of(server.environ("processes")))
        kept.backup(*POOL)
        faults = Faults(f"{SEED} commands", 0.2, ("500", "503", "refused", "lost", "cut", "spoiled"))
        with faults.before(server.endpoint) as address:
            environ = s3_environ(server, {"AWS_ENDPOINT_URL_S3": address})
            for command in (["points", "list"], ["prune"], ["stats"], ["repair", "--dry-run"]):
                done = subprocess.run(
                    [SYNAPSE, *command, "--json"],
                    env=environ, cwd=tmp_path, capture_output=True, text=True, check=False,
                )  # fmt: skip  # one line for what is run
                assert done.returncode == 0, done.stderr
                assert json.loads(done.stdout)
        assert faults.met.total() >= 5
        kept.check()


def test_a_listing_of_before_makes_no_point(tmp_path: Path) -> None:
    """What it tells of and a prune has deleted is asked for itself, so that the backup must be run again."""
    listings: dict[str, bytes] = {}

    def decide(method: str, path: str, ask: Ask) -> Answer:
        answer = ask()
        if method == "GET" and "list-type" in path and "objects%2F" in path:
            answer.body = listings.setdefault(path, answer.body)
        return answer

    with s3_server(tmp_path / "s3") as server:
        kept = Kept()
        place = server.environ("stale")
        kept.use(store_of(place))
        gone = kept.backup(POOL[0])
        with between(server.endpoint, decide) as address:
            store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
            assert list(store.list("objects/"))
            kept.repository.forget(gone)
            for _ in range(2):
                age(server)
                kept.repository.prune()
            assert kept.objects() == set()
            kept.clock.wait(1)
            kept.repository, direct = replace(kept.repository, store=store), kept.repository
            with pytest.raises(DamagedError, match="but this backup needs it") as caught:
                kept.backup(POOL[0])
        assert "Run the backup again" in caught.value.hint
        assert direct.points() == []
        kept.repository = direct
        kept.backup(POOL[0])
        kept.check()


def test_expired_credentials_are_said_at_once(tmp_path: Path) -> None:
    """No request is sent a second time; what was there before is whole."""
    with s3_server(tmp_path / "s3") as server:
        kept = Kept()
        place = server.environ("expired")
        kept.use(store_of(place))
        kept.backup(POOL[0])
        asked: list[str] = []

        def expire(method: str, path: str, ask: Ask) -> Answer:
            if method == "PUT":
                asked.append(path)
                return refusal("ExpiredToken", 400)
            return ask()

        with between(server.endpoint, expire) as address:
            store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
            with pytest.raises(UnreachableError, match="have expired") as caught:
                replace(kept.repository, store=store).store_files([("new", _file(tmp_path))])
        assert len(asked) == len(set(asked)) == 1
        assert caught.value.code == ExitCode.UNREACHABLE
        assert "AWS_SESSION_TOKEN" in caught.value.hint
        kept.check()


def test_credentials_are_renewed_as_boto3_does(tmp_path: Path) -> None:
    """Those of a program that gives them for a short time: it is asked again before they expire."""
    with s3_server(tmp_path / "s3") as server:
        program = tmp_path / "give.py"
        program.write_text(
            _GIVE.format(key=server.access_key, secret=server.secret_key, log=tmp_path / "log")
        )
        (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
        kept = Kept()
        kept.use(store_of(server.environ("processes")))
        kept.backup(*POOL[:3])
        environ = s3_environ(server, {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)})
        del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        done = subprocess.run(
            [SYNAPSE, "stats", "--json"],
            env=environ, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip  # one line for what is run
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "log").read_text().splitlines()) > 1


_GIVE = """
import datetime, json
with open("{log}", "a") as log:
    log.write("asked\\n")
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
print(json.dumps({{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{secret}",
                  "Expiration": soon.strftime("%Y-%m-%dT%H:%M:%SZ")}}))
"""
"""Within ten minutes of their end boto3 must renew credentials, so with each request."""


def _file(folder: Path) -> Path:
    path = folder / "new"
    path.write_bytes(POOL[1])
    return path
