"""`synapse forget` and `synapse prune`: what they say and do on a real folder, and their exit codes."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from pipelines.ops.model import FaissSource, Proof, RestorePoint
from pipelines.ops.repository import FolderStore, PointRef, Repository
from tests.terminal import on_a_terminal

BIN = Path(sys.executable).parent
NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Laid:
    """A repository in a folder, with points of so long ago, whose files are as old."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "repository"
        self.repository = Repository.create(FolderStore(self.folder))

    def point(
        self,
        ago: timedelta,
        *,
        proof: bool | None = True,
        host: str = "here",
        label: Literal["backup", "safety"] = "backup",
    ) -> PointRef:
        """Lay a point with an object of its own and one of all."""
        started = NOW - ago
        contents = {"own": started.isoformat().encode(), "shared": b"in every point"}
        files = self.repository.store_files((name, io.BytesIO(data)) for name, data in contents.items()).files
        source = FaissSource(way="folder", files=files)
        ref = self.repository.publish(
            RestorePoint(host=host, software={}, label=label, started=started, finished=started, faiss=source)
        )
        if proof is not None:
            made = Proof(point=ref.id, level=3, good=proof, started=started, seconds=1, software={})
            self.repository.add_proof(made)
        return ref

    def age(self, span: timedelta) -> None:
        """Make everything that is there so much older, for the store's clock."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                was = path.stat().st_mtime
                os.utime(path, (was, was - span.total_seconds()))

    def objects(self) -> int:
        """Count the objects."""
        return sum(1 for _ in self.repository.store.list("objects/"))

    def environ(self) -> dict[str, str]:
        """Return the settings of the commands."""
        return {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(self.root / "data"),
            "SYNAPSE_REPOSITORY": str(self.folder),
        }

    def run(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run a command that must end with a code."""
        done = subprocess.run(
            [BIN / "synapse", *arguments],
            env=self.environ(),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def answered(self, *arguments: str, meanwhile: Callable[[], object]) -> tuple[int, str]:
        """Run a command on a terminal, and agree to what it asks once something has happened meanwhile."""
        asked = False

        def answer(shown: bytes) -> str | None:
            nonlocal asked
            if asked or b"[y/N]" not in shown:
                return None
            asked = True
            meanwhile()
            return "y"

        code, shown = on_a_terminal(
            BIN / "synapse", *arguments, folder=self.root, environ=self.environ(), answer=answer
        )
        return code, " ".join(shown.split())

    def told(self, *arguments: str, code: int = 0) -> Any:  # what JSON holds
        """Run a command with --json, and return its document."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lay an empty repository."""
    return Laid(tmp_path)


def test_a_dry_run_says_what_goes_and_why(laid: Laid) -> None:
    """For people and for programs; nothing is changed."""
    new, old, bad = laid.point(HOUR), laid.point(3 * DAY), laid.point(2 * DAY, proof=False)
    said = laid.run("forget", "--keep-last", "1", "--dry-run")
    lines = {
        line.split()[1]: line for line in said.stdout.splitlines() if line.startswith(("keep", "forget"))
    }
    assert lines[new.short].startswith("keep")
    assert "newest proven" in lines[new.short]
    assert lines[old.short].startswith("forget")
    assert "damaged" in lines[bad.short]
    assert "Nothing was changed" in said.stdout
    told = laid.told("forget", "--keep-daily", "1", "--dry-run")
    assert (told["dry_run"], told["done"], told["forgotten"]) == (True, False, 2)
    by_id = {one["id"]: one for one in told["points"]}
    assert by_id[old.id]["reasons"] == ["no rule keeps it"]
    assert by_id[bad.id]["reasons"] == ["damaged, and a newer one is proven"]
    assert by_id[new.id]["kept"] is True
    assert len(laid.repository.points()) == 3


def test_forget_then_prune_frees_what_only_the_old_needed(laid: Laid) -> None:
    """Condemned by one run, deleted by one after the grace time; the rest restores."""
    new, old = laid.point(HOUR), laid.point(3 * DAY)
    laid.age(DAY)
    told = laid.told("forget", "--keep-last", "1", "--yes")
    assert (told["done"], told["forgotten"]) == (True, 1)
    assert [ref.id for ref in laid.repository.points()] == [new.id]
    assert not (laid.folder / "proofs" / old.id).exists() or not any(
        (laid.folder / "proofs" / old.id).iterdir()
    )
    dry = laid.told("prune", "--dry-run")
    assert (dry["dry_run"], dry["condemned"]["objects"], laid.objects()) == (True, 1, 3)
    first = laid.told("prune")
    assert (first["condemned"]["objects"], first["deleted"]["objects"]) == (1, 0)
    assert first["ripe_in"] == 12 * 3600
    laid.age(13 * HOUR)
    second = laid.run("prune").stdout
    assert "Deleted:   1 objects" in second
    assert laid.objects() == 2
    assert laid.repository.check_bytes(laid.repository.load(new)) == []
    assert laid.told("prune")["ripe_in"] is None


def test_a_policy_spares_the_last_proven_point(laid: Laid) -> None:
    """Newer ones without a good proof do not replace it."""
    good = laid.point(3 * DAY)
    laid.point(2 * DAY)
    for hours in (1, 2):
        laid.point(hours * HOUR, proof=None)
    told = laid.told("forget", "--keep-last", "1", "--yes")
    kept = {one["id"]: one["reasons"] for one in told["points"] if one["kept"]}
    assert ["newest proven"] in kept.values()
    assert good.id not in kept
    assert len(laid.repository.points()) == 2


def test_machines_and_kinds_are_apart_and_containers_are_one(laid: Laid) -> None:
    """A policy is for each by itself; every run of `ops` calls itself otherwise, and the schedule too."""
    laid.point(HOUR, host="here")
    laid.point(2 * HOUR, host="there")
    laid.point(3 * HOUR, host="here", label="safety")
    laid.point(4 * HOUR, host="0123456789ab")
    laid.point(5 * HOUR, host="ba9876543210")
    laid.point(6 * HOUR, host="synapse-scheduler")
    told = laid.told("forget", "--keep-last", "1", "--dry-run")
    assert [one["kept"] for one in told["points"]] == [True, True, True, True, False, False]


def test_a_point_is_forgotten_by_name(laid: Laid) -> None:
    """The newest proven one only with --force; a damaged manifest too."""
    new, old = laid.point(HOUR), laid.point(3 * DAY)
    refused = laid.run("forget", new.short, "--yes", code=6)
    assert "newest proven" in refused.stderr
    assert laid.told("forget", old.short, "--yes")["points"][0]["reasons"] == ["named"]
    laid.run("forget", new.short, "--yes", "--force")
    assert laid.repository.points() == []
    broken = laid.point(HOUR)
    (laid.folder / broken.key).write_bytes(b"{}")
    assert "forget" in laid.run("prune", code=4).stderr
    laid.run("forget", broken.short, "--yes")
    laid.run("prune")


def test_what_was_agreed_to_is_what_goes(laid: Laid) -> None:
    """A point that was taken or proven while somebody was asked may make another choice: it is asked anew."""
    laid.point(2 * HOUR)
    laid.point(3 * HOUR)
    policy = ("forget", "--keep-last", "1")
    code, shown = laid.answered(*policy, meanwhile=lambda: laid.point(HOUR))
    assert code == 6, shown
    assert "changed while you were asked; none was forgotten" in shown
    assert len(laid.repository.points()) == 3
    code, shown = laid.answered(*policy, meanwhile=lambda: None)
    assert code == 0, shown
    assert "2 restore points are forgotten" in shown
    assert len(laid.repository.points()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("forget",), 2, "There is no rule"),
        (("forget", "--keep-last", "0", "--yes"), 2, "There is no rule"),
        (("forget", "abcd", "--keep-last", "1"), 2, "two ways"),
        (("forget", "--keep-within", "soon"), 2, "--keep-within 'soon' is no age"),
        (("forget", "--keep-last", "1"), 2, "Nobody is there to agree"),
        (("forget", "ffff", "--yes"), 3, "is called 'ffff'"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(
    laid: Laid, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """And nothing is removed."""
    laid.point(HOUR)
    laid.point(2 * HOUR)
    assert said in laid.run(*arguments, code=code).stderr
    assert len(laid.repository.points()) == 2


def test_nothing_there(tmp_path: Path) -> None:
    """Without a repository, and without a point, the code says that there is nothing."""
    laid = Laid(tmp_path)
    laid.run("forget", "--keep-last", "1", code=3)
    (laid.folder / "config").unlink()
    laid.run("prune", code=3)


def test_stats_say_what_is_stored_and_what_for(laid: Laid) -> None:
    """Every object once: shared, of one point alone, and not needed; condemned once a prune has listed it."""
    new, old = laid.point(HOUR), laid.point(3 * DAY)
    gone = laid.point(9 * DAY)
    laid.age(DAY)
    laid.run("forget", gone.short, "--yes")
    told = laid.told("stats")
    own, shared = len(NOW.isoformat()) + 1, len(b"in every point") + 1
    assert told["logical"] == 2 * (own - 1 + shared - 1)
    assert told["needed"] == {"objects": 3, "size": 2 * own + shared}
    assert told["shared"] == {"objects": 1, "size": shared}
    assert told["unneeded"] == {"objects": 1, "size": own}
    assert told["condemned"] == {"objects": 0, "size": 0}
    assert [(one["id"], one["new"], one["own"]) for one in told["points"]] == [
        (new.id, own, own),
        (old.id, own + shared, own),
    ]
    laid.run("prune")
    assert laid.told("stats")["condemned"] == {"objects": 1, "size": own}
    assert new.short in laid.run("stats").stdout


def test_diff_names_the_files_that_differ(laid: Laid) -> None:
    """What was changed, added and removed, with sizes; a point and itself are alike."""
    old, new = laid.point(3 * DAY), laid.point(HOUR)
    told = laid.told("diff", old.short)
    assert (told["before"], told["after"]) == (old.id, new.id)
    assert (told["added"], told["removed"], told["changed"]) == (0, 0, 1)
    assert told["files"][0]["name"] == "faiss: own"
    assert "M faiss: own" in laid.run("diff", old.short, new.short).stdout
    assert "0 added, 0 removed, 0 changed" in laid.run("diff", new.short, "latest").stdout
    laid.run("diff", "ffff", code=3)
