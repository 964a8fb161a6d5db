"""Restore into a running stack: swapped, undone and recovered, under a client that writes all the while."""

import time

import pytest

from tests.ending import ended
from tests.ops.running.stack import WRITES, Stack, Witness, moments

SEED = 20261123
RUNS = 6
LONGEST_S = 3.0


def _is_free(stack: Stack) -> None:
    """Check that the target is a writable master as before, unmarked, and that no restore is under way."""
    client = stack.client()
    assert client.info("replication")["role"] == "master"
    assert client.config_get("masterauth")["masterauth"] == ""
    assert client.config_get("repl-diskless-load")["repl-diskless-load"] == "disabled"
    assert client.function_list("synapse_restore_*") == []
    assert client.set("writable", 1)
    assert not (stack.folder / "data" / "restore.json").exists()


def _holds(stack: Stack) -> str:
    """Return whether the stack holds the point or the present data: wholly one of them, in both stores."""
    documents, _ = stack.state()
    client = stack.client()
    held = {
        prefix: int(client.exists(*(f"{prefix}:{number}" for number in range(WRITES))))
        for prefix in ("point", "present")
    }
    assert sorted(held.values()) == [0, WRITES], held
    if held["point"]:
        assert documents == "in-the-point"
        return "point"
    assert documents == "in-the-point,added-later"
    return "present"


def test_the_point_comes_back_and_so_does_what_was_there(stack: Stack) -> None:
    """A restore swaps both stores; its safety point brings the present data back; nothing is left over."""
    printed = stack.run("restore", "latest", "--yes")
    assert _holds(stack) == "point"
    _is_free(stack)
    assert len(stack.epochs()) == 1
    safety = printed.split("safety point ")[1].split(":")[0]
    stack.run("restore", safety, "--yes")
    assert _holds(stack) == "present"
    assert stack.client().xpending("present:stream", "group")["pending"] == 1
    _is_free(stack)


def test_no_acknowledged_write_is_lost(stack: Stack) -> None:
    """Each write of a client is in the safety point when it came before the pause, else in the target."""
    with Witness(stack) as witness:
        printed = stack.run("restore", "latest", "--yes")
        after = len(witness.acknowledged)
        deadline = time.monotonic() + 20
        while len(witness.acknowledged) < after + 20 and time.monotonic() < deadline:
            time.sleep(0.01)  # the witness writes on its own
    _is_free(stack)
    client = stack.client()
    later = {number for number in witness.acknowledged if client.exists(f"witness:{number}")}
    safety = printed.split("safety point ")[1].split(":")[0]
    stack.run("restore", safety, "--yes")
    before = {number for number in witness.acknowledged if client.exists(f"witness:{number}")}
    assert set(witness.acknowledged) == before | later
    assert not before & later
    assert before
    assert later
    assert max(before) < min(later)


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    """The plan is shown, and everything is as it was."""
    assert "Nothing was changed" in stack.run("restore", "latest", "--dry-run")
    assert _holds(stack) == "present"


@pytest.mark.parametrize(
    ("setting", "value", "reason"), [("maxmemory", "500000", "maxmemory"), ("replicaof", "", "is a slave")]
)
def test_what_cannot_go_well_is_refused(stack: Stack, setting: str, value: str, reason: str) -> None:
    """A target that is too small, or is a replica, is refused with code 6 before it is touched."""
    client = stack.client()
    if setting == "replicaof":
        client.replicaof("127.0.0.1", 1)
    else:
        client.config_set(setting, value)
        client.config_set("maxmemory-policy", "noeviction")
    assert reason in stack.run("restore", "latest", "--yes", code=6)
    assert int(client.dbsize()) == WRITES + 2
    assert not (stack.folder / "data" / "restore.json").exists()


@pytest.mark.parametrize("moment", moments(SEED, RUNS, LONGEST_S), ids=lambda moment: f"{moment:.2f}s")
def test_a_killed_restore_is_finished_or_undone(stack: Stack, moment: float) -> None:
    """SIGKILL at a random moment (seed 20261123): the next command leaves wholly the old or the new data."""
    with Witness(stack) as witness:
        with ended(stack.begin("restore", "latest", "--yes")):
            time.sleep(moment)  # the moment of the kill is the point of the test
        stack.run("verify", "--level", "1")
    _is_free(stack)
    held = _holds(stack)
    if held == "present":
        missing = [n for n in witness.acknowledged if not stack.client().exists(f"witness:{n}")]
        assert missing == []


@pytest.mark.parametrize("moment", moments(SEED + 1, RUNS, LONGEST_S), ids=lambda moment: f"{moment:.2f}s")
def test_a_killed_target_ends_whole(stack: Stack, moment: float) -> None:
    """The target is killed at a random moment (seed 20261124) and started again: wholly old or wholly new."""
    with ended(stack.begin("restore", "latest", "--yes")) as restore:
        time.sleep(moment)  # the moment of the kill is the point of the test
        stack.kill()
        stack.start()
        restore.communicate(timeout=120)
    stack.run("verify", "--level", "1")
    _is_free(stack)
    assert _holds(stack) in {"point", "present"}
