"""What the recorder answers: small rules, the first that has an answer gives it."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.dag.recording.graph import Call


@dataclass(frozen=True, slots=True)
class Says:
    """The value of a field."""

    value: str | int | None


@dataclass(frozen=True, slots=True)
class Fails:
    """The error of a command that ended with `code`, as the engine tells it; with no code, another error."""

    code: int | None
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Hangs:
    """No answer until the recorder is closed; `reached` is set when somebody waits."""

    reached: threading.Event = field(default_factory=threading.Event)


Answer = Says | Fails | Cut | Hangs
Rule = Callable[[Call], Answer | None]
"""Looks at the last call of a request; None leaves it to the next rule."""


def answer(rules: Sequence[Rule], call: Call) -> Answer:
    """Return the first answer there is, or what a command that printed nothing would give."""
    for rule in rules:
        told = rule(call)
        if told is not None:
            return told
    usual: dict[str, str | int] = {"exitCode": 0, "version": "v0.21.8", "defaultPlatform": "linux/amd64"}
    return Says(usual.get(call.field, ""))


def printing(*words: str, value: object) -> Rule:
    """Let the command that has these words, one after another, print a value as JSON."""
    return running(words, Says(json.dumps(value)), "stdout")


def running(words: Sequence[str], told: Answer, *fields: str) -> Rule:
    """Answer so to what is asked of a container whose last command has these words."""

    def rule(call: Call) -> Answer | None:
        last = next((found.argv for found in call.chain() if found.field == "withExec"), ())
        return told if call.field in fields and _within(last, words) else None

    return rule


def exporting(suffix: str, content: str) -> Rule:
    """Write a file where an export goes to a path with that ending."""

    def rule(call: Call) -> Answer | None:
        path = str(call.arguments.get("path", ""))
        if call.field != "export" or not path.endswith(suffix):
            return None
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content, encoding="utf-8")
        return Says(path)

    return rule


def asked(name: str, told: Answer) -> Rule:
    """Answer so to every question for a field."""
    return lambda call: told if call.field == name else None


def _within(command: Sequence[str], words: Sequence[str]) -> bool:
    size = len(words)
    return any(tuple(command[at : at + size]) == tuple(words) for at in range(len(command) - size + 1))
