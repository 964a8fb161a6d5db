"""Every `synapse` command of every job is understood by the real command line; nothing is run."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer import TyperException
from typer.core import TyperGroup
from typer.main import get_command

from pipelines import ci
from pipelines.dag import commands
from pipelines.ops.cli.main import app
from tests.commandlines import JOBS, planned, understood

TYPED = {
    "release": ("--registry", "registry.example/team", "--tag", "1.2.3", "--plain-http"),
    "restore": ("latest",),
    "drill": ("latest",),
}
HOST = (("synapse", "image", "epoch", "backend", "--json"), ("synapse", "points", "where", "--json"))
"""What the jobs ask on the host beyond their plans."""
FILLED = {"{point}": "3f2a", "{epoch}": "1700000000", "{image}": "backend"}
FILLED["{digest}"] = "sha256:" + "d" * 64
MISSING: set[str] = set()
"""Commands that are not there yet."""


def _filled(word: str) -> str:
    for name, value in FILLED.items():
        word = word.replace(name, value)
    assert "{" not in word, f"{word} has a placeholder that this test does not know"
    return word


def shown() -> Iterator[tuple[str, ...]]:
    """Yield the commands of each job's plan as typed, with values where the plan has placeholders."""
    for job in JOBS:
        for step in planned(job, TYPED.get(job, ())).steps:
            yield from (tuple(_filled(word) for word in command) for command in step.commands)


def made() -> Iterator[tuple[str, ...]]:
    """Yield what the functions that make commands make, with every option."""
    yield commands.backup()
    yield commands.verify("latest")
    yield commands.show()
    yield commands.keep_proofs("3f2a", "/reports")
    yield commands.restore("3f2a")
    yield commands.served("3f2a", commands.SITE)
    yield commands.normalise("1700000000")
    yield commands.digest()
    yield commands.compare()
    reference = "registry.example/team/synapse-backend"
    login = "/run/secrets/registry_login"
    yield commands.push(reference, ("1.2.3", "latest"), plain=True, login=login, expect="sha256:0")
    yield commands.push(reference, (), plain=False, login=None, free=("1.2.3",), expect="sha256:0")
    yield commands.push(reference, ("latest",), plain=False, login=None, move=True, expect="sha256:0")
    yield commands.pins()


ALL = sorted({*shown(), *made(), *HOST})


@pytest.mark.parametrize("command", [one for one in ALL if " ".join(one[1:3]) not in MISSING], ids=" ".join)
def test_the_command_is_understood(command: tuple[str, ...]) -> None:
    """Its options, arguments and values are parsed as the program parses them."""
    assert command[0] == "synapse"
    understood(command)


def test_a_command_with_a_wrong_option_is_not_understood() -> None:
    """The parser that these tests ask does refuse."""
    with pytest.raises(TyperException):
        understood(("synapse", "verify", "latest", "--no-such-option"))
    with pytest.raises(TyperException):
        understood(("synapse", "verify", "latest", "--level", "many"))


def test_every_job_is_asked() -> None:
    """A new one must be parsed here too."""
    files = {path.stem for path in (Path(ci.__file__).parent).glob("*.py")}
    assert JOBS.keys() == files - {"__init__"}


def test_every_function_that_makes_a_command_is_asked() -> None:
    """A new one must be parsed here too."""
    functions = {
        name
        for name, found in vars(commands).items()
        if getattr(found, "__module__", "") == commands.__name__
    }
    assert functions == {
        *("backup", "verify", "keep_proofs", "show", "restore", "served"),
        *("normalise", "digest", "push", "compare", "pins"),
    }


def test_what_is_missing_is_known() -> None:
    """The list is emptied as the commands come."""
    root = get_command(app)
    lacking = {" ".join(command[1:3]) for command in ALL if not _there(root, command[1:])}
    assert lacking == MISSING


def _there(command: object, words: Sequence[str]) -> bool:
    """Whether the groups and the command that the words name are there."""
    if not isinstance(command, TyperGroup):
        return True
    return words[0] in command.commands and _there(command.commands[words[0]], words[1:])
