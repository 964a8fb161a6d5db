"""What `deploy/` has for systemd and cron: the units read by systemd, the commands by their own parser."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.ops.cli.scheduling import LAST_WORDS_S
from pipelines.ops.schedule.child import GRACE_S
from pipelines.ops.schedule.jobs import NAMES
from pipelines.ops.schedule.timetable import timetable
from tests.commandlines import understood
from tests.unchecked import not_checked

PROJECT = Path(__file__).parent.parent
SYSTEMD = PROJECT / "deploy" / "systemd"
CRON = PROJECT / "deploy" / "cron" / "synapse"
PLACE = "/srv/synapse"
PROGRAM = f"{PLACE}/.venv/bin/synapse"
SERVICES = ("synapse-schedule.service", "synapse-once@.service")
EXPOSURE = 20
"""In tenths, of 100: what `systemd-analyze security` may say of a unit."""
_CREDENTIAL = re.compile(r"LoadCredential=(\w+):/etc/synapse/\1")
_NAMED = re.compile(r"Environment=(\w+)_FILE=%t/credentials/%n/(\w+)")


def lines_of(name: str) -> list[str]:
    """Return the lines of a unit that say something."""
    return [line for line in (SYSTEMD / name).read_text().splitlines() if line and not line.startswith("#")]


def value_of(name: str, key: str) -> str:
    """Return the only value that a unit has for a key."""
    (found,) = [line.partition("=")[2] for line in lines_of(name) if line.startswith(f"{key}=")]
    return found


def hardening(name: str) -> list[str]:
    """Return what a unit may not do: all that comes after the first of these lines, in its section."""
    lines = lines_of(name)
    lines = lines[lines.index("NoNewPrivileges=yes") :]
    return lines[: lines.index("[Install]")] if "[Install]" in lines else lines


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    """Give a folder of units as they are installed, for every job, of a copy that is there."""
    if shutil.which("systemd-analyze") is None:
        not_checked("there is no systemd-analyze on this machine: no unit was read by it")
    program = tmp_path / "srv" / ".venv" / "bin" / "synapse"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).parent / "synapse")
    units = tmp_path / "units"
    for path in SYSTEMD.glob("synapse-*"):
        for job in NAMES if "@" in path.name else ("",):
            made = units / path.name.replace("@.", f"@{job}.")
            made.parent.mkdir(exist_ok=True)
            made.write_text(path.read_text().replace(PLACE, str(tmp_path / "srv")))
    return units


def analyzed(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run systemd-analyze."""
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_reads_every_unit(laid: Path) -> None:
    """With no word of what it does not know, also with the secrets added."""
    for unit in SERVICES:
        dropped = laid / f"{unit}.d"
        dropped.mkdir()
        shutil.copy(SYSTEMD / "credentials.conf", dropped)
    units = [path for path in laid.iterdir() if path.is_file()]
    assert len(units) == 1 + 2 * len(NAMES)
    done = analyzed("verify", "--man=no", *units)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_mistake_in_a_unit_is_noticed(laid: Path) -> None:
    """Else the test above would say nothing."""
    unit = laid / SERVICES[0]
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=strictly"))
    assert "strictly" in analyzed("verify", "--man=no", unit).stderr


@pytest.mark.parametrize("unit", ["synapse-schedule.service", "synapse-once@backup.service"])
def test_a_unit_is_exposed_to_little(laid: Path, unit: str) -> None:
    """By systemd's own measure of what is left to whoever breaks in."""
    done = analyzed("security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE}", laid / unit)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_command_that_there_is(name: str) -> None:
    """Read by the parser of the command, for each job that may stand for %i."""
    command = shlex.split(value_of(name, "ExecStart"))
    assert (command[0], value_of(name, "WorkingDirectory")) == (PROGRAM, PLACE)
    for job in NAMES:
        understood(["synapse", *(word.replace("%i", job) for word in command[1:])])
    assert ("--once" in command) == (value_of(name, "Type") == "oneshot" if "@" in name else False)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_as_bounded_as_the_other_and_has_time_to_end(name: str) -> None:
    """Nobody's privileges, one place to write, and what a job and the last words may take."""
    assert hardening(name) == hardening(SERVICES[0])
    assert {"ProtectSystem=strict", "CapabilityBoundingSet="} <= set(hardening(name))
    assert value_of(name, "ReadWritePaths") == f"{PLACE}/data {PLACE}/backups"
    assert value_of(name, "User") == "synapse"
    assert value_of(name, "KillMode") == "mixed"
    assert int(value_of(name, "TimeoutStopSec")) > GRACE_S + LAST_WORDS_S


def test_each_secret_that_is_handed_over_is_the_one_that_is_named() -> None:
    """As a file where systemd lays it, under the name of a variable that is read."""
    lines = lines_of("credentials.conf")[1:]
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    settings = (PROJECT / "README.md").read_text().partition("\n## Settings")[2].partition("\n## ")[0]
    for loaded, named in pairs:
        credential, variable = _CREDENTIAL.fullmatch(loaded), _NAMED.fullmatch(named)
        assert credential, loaded
        assert variable, named
        assert variable[2] == credential[1] == variable[1].removeprefix("SYNAPSE_").lower()
        assert f"`{variable[1]}`" in settings


def entries() -> list[tuple[str, str, str]]:
    """Return the timetable, the user and the command of each line for cron."""
    lines = [line for line in CRON.read_text().splitlines() if line and not line.startswith("#")]
    assert lines.pop(0) == "SHELL=/bin/sh"
    parts = [re.fullmatch(r"((?:\S+ ){4}\S+) (\w+) ([^%]+)", line) for line in lines]
    return [(part[1], part[2], part[3]) for part in parts if part]


def test_the_lines_for_cron_run_every_job() -> None:
    """Each with a timetable that can be read, by the user of the units, and a command that there is."""
    jobs = []
    for times, user, command in entries():
        timetable(times)
        assert user == "synapse"
        asked = re.search(r"\.venv/bin/(synapse [^>]*) 2>&1", command)
        assert asked, command
        understood(shlex.split(asked[1]))
        jobs.append(shlex.split(asked[1])[-1])
    assert sorted(jobs) == sorted(NAMES)


def test_a_line_for_cron_says_what_failed_and_else_nothing(tmp_path: Path) -> None:
    """Cron mails what is printed."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    for entry, said in (("backup", "127.0.0.1:1"), ("prune", "")):
        (command,) = [command for _, _, command in entries() if f" {entry} " in command]
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace(PLACE, str(tmp_path))],
            env={
                "PATH": os.environ["PATH"],
                "REDIS_PORT": "1",
                f"SYNAPSE_SCHEDULE_{entry.upper()}": "15 3 * * *",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert said in done.stdout
        assert bool(said) == bool(done.stdout), done.stdout
