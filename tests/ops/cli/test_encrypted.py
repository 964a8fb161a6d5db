"""The commands on an encrypted repository: made, opened, refused, its passphrases given and taken away."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ops.faiss.examples import write_example
from tests.passphrases import OTHER, PHRASE
from tests.terminal import on_a_terminal

BIN = Path(sys.executable).parent
Done = subprocess.CompletedProcess[str]
NAME = "name-of-somebodys-index"


class Here:
    """A folder with a repository, an index of another program, and files with passphrases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "foreign").mkdir()
        write_example(folder / "foreign" / f"{NAME}.index", "Flat")
        for name, text in (("first", PHRASE), ("second", OTHER), ("short", "too short")):
            (folder / name).write_text(text + "\n")

    def run(
        self, *arguments: str, phrase: str | None = "first", new: str | None = None, code: int = 0
    ) -> Any:
        """Run a command with `--json` and the passphrases in these files; return its document."""
        done = self.ended(*arguments, "--json", phrase=phrase, new=new)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        for text in (PHRASE, OTHER):
            assert text not in done.stdout + done.stderr
        return json.loads(done.stdout)

    def ended(self, *arguments: str, phrase: str | None = None, new: str | None = None) -> Done:
        """Run a command to its end."""
        return subprocess.run(
            [BIN / "synapse", *arguments],
            env=self.environ(phrase, new), cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip  # one line for what is run

    def environ(self, phrase: str | None = None, new: str | None = None) -> dict[str, str]:
        """Return the settings of a command."""
        files = {"SYNAPSE_PASSPHRASE_FILE": phrase, "SYNAPSE_NEW_PASSPHRASE_FILE": new}
        return {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(self.folder / "data"),
            "SYNAPSE_REPOSITORY": str(self.folder / "repository"),
            "REDIS_PORT": "1",
            "API_PORT": "2",
            **{name: str(self.folder / file) for name, file in files.items() if file},
        }

    def stored(self) -> list[bytes]:
        """Return every byte of the repository, file by file."""
        return [path.read_bytes() for path in (self.folder / "repository").rglob("*") if path.is_file()]


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Lay the folder."""
    return Here(tmp_path)


BACKUP = ("backup", "--only", "faiss", "--faiss-folder", "foreign")


def test_every_command_with_a_passphrase_and_without(here: Here, tmp_path: Path) -> None:
    """Made, filled, listed, shown, checked, restored; without the passphrase each says what is missing."""
    assert here.run("init", "--encrypt")["encrypted"] is True
    point = here.run(*BACKUP)
    assert point["proof"]["good"]
    commands: list[tuple[str, ...]] = [
        ("points", "list"),
        ("points", "show", "latest"),
        ("points", "check", "--only", "faiss"),
        ("verify", "latest"),
        ("restore", point["point"], "--into", str(tmp_path / "out")),
        ("key", "list"),
    ]
    for command in (BACKUP, *commands):
        error = here.run(*command, phrase=None, code=2)["error"]
        assert "SYNAPSE_PASSPHRASE_FILE is not set" in error["what"], command
        assert "SYNAPSE_PASSPHRASE_FILE" in error["hint"], command
    for command in (BACKUP, ("points", "list"), ("key", "list")):
        error = here.run(*command, phrase="second", code=2)["error"]
        assert "The passphrase is not one" in error["what"], command
    assert not (tmp_path / "out").exists()
    for command in commands:
        here.run(*command)
    assert (tmp_path / "out" / "faiss" / f"{NAME}.index").is_file()
    for value in here.stored():
        assert NAME.encode() not in value
        assert PHRASE.encode() not in value


def test_the_doctor_names_the_setting(here: Here) -> None:
    """Each line about the repository says that it is missing, or wrong; with it they are green."""
    here.run("init", "--encrypt")
    here.run(*BACKUP)
    for phrase, what in ((None, "is not set"), ("second", "is not one"), ("first", None)):
        findings = {one["name"]: one for one in here.run("doctor", phrase=phrase, code=1)["findings"]}
        for name in ("repository", "last backup"):
            if what is None:
                assert findings[name]["state"] == "green"
            else:
                assert findings[name]["state"] == "red"
                assert what in findings[name]["reason"]
                assert "SYNAPSE_PASSPHRASE_FILE" in findings[name]["remedy"]


def test_a_plain_repository_stays_plain(here: Here) -> None:
    """It is not made anew, nor written with a passphrase set; the hint names the way to an encrypted one."""
    assert here.run("init", phrase=None)["encrypted"] is False
    for arguments in (("init",), ("init", "--encrypt")):
        error = here.run(*arguments, code=6)["error"]
        assert "SYNAPSE_REPOSITORY" in error["hint"]
    assert "synapse init --encrypt" in here.run(*BACKUP, code=6)["error"]["hint"]
    assert "is not encrypted" in here.run("key", "list", phrase=None, code=6)["error"]["what"]
    here.run(*BACKUP, phrase=None)


def test_what_is_refused_before_anything_is_made(here: Here) -> None:
    """No passphrase and nobody to ask, a short one, one that was set but not meant: nothing is made."""
    assert "SYNAPSE_PASSPHRASE_FILE" in here.run("init", "--encrypt", phrase=None, code=2)["error"]["hint"]
    assert "fewer than 12" in here.run("init", "--encrypt", phrase="short", code=2)["error"]["what"]
    assert "--encrypt" in here.run("init", code=2)["error"]["hint"]
    assert not (here.folder / "repository").exists()


def test_the_first_backup_with_a_passphrase_makes_an_encrypted_repository(here: Here) -> None:
    """Whoever set one never writes in the clear, and is told what a lost one means."""
    done = here.ended(*BACKUP, phrase="first")
    assert done.returncode == 0, done.stderr
    assert (
        "now an encrypted repository. Whoever loses the passphrase loses every restore point" in done.stderr
    )
    assert len(here.run("key", "list")["keys"]) == 1


def test_passphrases_come_and_go(here: Here) -> None:
    """Added, listed by name, removed; what that does not do is said; the last one stays."""
    here.run("init", "--encrypt")
    made = here.run("key", "add", "--name", "machine-2", new="second")
    assert [one["name"] for one in here.run("key", "list", phrase="second")["keys"]] == ["first", "machine-2"]
    assert "fewer than 12" in here.run("key", "add", new="short", code=2)["error"]["what"]
    assert "SYNAPSE_NEW_PASSPHRASE_FILE" in here.run("key", "change", code=2)["error"]["hint"]
    gone = here.run("key", "remove", "first", phrase="second")
    assert "may have kept" in gone["note"]
    here.run("points", "list", code=2)
    assert here.run("key", "remove", made["id"][:8], phrase="second", code=6)["error"]["hint"]
    assert "may have kept" in here.run("key", "change", phrase="second", new="first")["note"]
    assert [one["name"] for one in here.run("key", "list")["keys"]] == ["machine-2"]
    here.run("key", "list", phrase="second", code=2)


@pytest.fixture
def typed(here: Here) -> Callable[..., tuple[int, str]]:
    """Give a function that runs a command on a terminal and types a line at each question."""

    def run(*arguments: str, answers: list[str]) -> tuple[int, str]:
        left = list(answers)

        def answer(shown: bytes) -> str | None:
            asked = (
                shown.count(b"phrase: ")
                + shown.count(b"phrase of the repository: ")
                + shown.count(b"again: ")
            )
            return left.pop(0) if left and asked > len(answers) - len(left) else None

        return on_a_terminal(
            BIN / "synapse", *arguments, folder=here.folder, environ=here.environ(), answer=answer
        )

    return run


def test_on_a_terminal_it_asks(here: Here, typed: Callable[..., tuple[int, str]]) -> None:
    """Twice for a new one, once for an old one, after it said what a lost one means; nothing is shown."""
    code, shown = typed("init", "--encrypt", answers=[PHRASE, OTHER])
    assert (code, "two different passphrases" in shown) == (2, True)
    code, shown = typed("init", "--encrypt", answers=[PHRASE, PHRASE])
    assert code == 0, shown
    assert shown.index("Whoever loses the passphrase") < shown.index("New passphrase")
    assert PHRASE not in shown
    code, shown = typed("key", "list", answers=[PHRASE])
    assert (code, "first" in shown) == (0, True), shown
    code, shown = typed("points", "list", answers=[OTHER])
    assert (code, "not one of the repository" in shown) == (2, True), shown
    assert here.run("key", "list")["keys"]


@pytest.mark.parametrize("command", [("--version",), ("points", "list"), ("--help",)])
def test_who_has_no_encrypted_repository_waits_for_no_cipher(here: Here, command: tuple[str, ...]) -> None:
    """The ciphers are not even imported."""
    here.run("init", phrase=None)
    look = (
        "import sys\n"
        "from pipelines.ops.cli.main import run\n"
        f"sys.argv = ['synapse', *{command!r}]\n"
        "try:\n    run()\n"
        "finally:\n    print([name for name in sys.modules if name.startswith('cryptography.hazmat')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look],
        env=here.environ() | {"PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=here.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip  # one line for what is run
    assert done.stdout.rstrip().endswith("[]"), done.stdout + done.stderr
