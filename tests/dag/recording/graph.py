"""What a job asks of the engine, unfolded: calls upon calls, and commands in containers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, Union

Value = Union[str, int, float, bool, None, "Call", list["Value"], dict[str, "Value"]]
Part = TypeVar("Part", str, "Call")
FORCING = frozenset({"stdout", "stderr", "exitCode", "export", "sync", "start", "stop", "publish"})
"""The fields that make the engine do what was described."""


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One field with its arguments, upon what `parent` returned; an object among them is a call itself.

    `id` is the same for the same calls.
    """

    field: str
    arguments: Mapping[str, Value]
    parent: "Call | None"
    id: str

    def chain(self) -> Iterator["Call"]:
        """Yield this call and those that it is made upon, the last first."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.parent

    def everything(self) -> dict[str, "Call"]:
        """Return every call that this one rests upon, those of its arguments and itself included."""
        found: dict[str, Call] = {}
        waiting = [self]
        while waiting:
            call = waiting.pop()
            if call.id in found:
                continue
            found[call.id] = call
            waiting += [call.parent] if call.parent else []
            waiting += [part for value in call.arguments.values() for part in parts(value, Call)]
        return found

    def strings(self) -> Iterator[str]:
        """Yield each text among the arguments of this call alone."""
        for value in self.arguments.values():
            yield from parts(value, str)

    @property
    def argv(self) -> tuple[str, ...]:
        """The command, when the call runs one."""
        found = self.arguments.get("args")
        return tuple(parts(found, str)) if self.field in ("withExec", "asService") else ()


def parts(value: Value, kind: type[Part]) -> list[Part]:
    """Return what is of a kind in a value, however deep."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, list):
        return [part for one in value for part in parts(one, kind)]
    if isinstance(value, dict):
        return [part for one in value.values() for part in parts(one, kind)]
    return []


@dataclass(frozen=True, slots=True)
class Exec:
    """A command in a container: what its environment was before it, and what it could see."""

    call: Call
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[str, ...]
    secrets: Mapping[str, Call]
    bindings: Mapping[str, Call]


@dataclass(slots=True)
class Request:
    """One request: what was asked for, when it came and when it was answered, on one count for both."""

    call: Call
    came: int
    answered: int | None = None

    @property
    def forces(self) -> bool:
        """Whether the engine does something for it."""
        return self.call.field in FORCING


def execs_of(call: Call) -> Iterator[Exec]:
    """Yield each command that a call rests upon."""
    for found in call.everything().values():
        if found.field == "withExec":
            yield exec_of(found)


def exec_of(call: Call) -> Exec:
    """Return the command that a call runs in a container, or as a service."""
    before = list(call.chain())[:0:-1]
    environment: dict[str, str] = {}
    mounts: list[str] = []
    secrets: dict[str, Call] = {}
    bindings: dict[str, Call] = {}
    for step in before:
        given = step.arguments
        name = str(given.get("name", given.get("path", "")))
        if step.field == "withEnvVariable":
            environment[name] = str(given["value"])
        elif step.field.startswith("withMounted"):
            mounts.append(name)
        elif step.field == "withServiceBinding":
            bindings[str(given["alias"])] = parts(given["service"], Call)[0]
        for secret in parts(given.get("secret", given.get("source")), Call):
            if secret.field in ("setSecret", "secret"):
                secrets[name] = secret
    return Exec(call, call.argv, environment, tuple(mounts), secrets, bindings)
