"""The commands by name. Each is imported when it is called or shown: no other waits for what it needs."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

Command = TyperCommand | TyperGroup


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a command is: a module of this package, and its name there; a group has its own epilogs."""

    module: str
    name: str
    epilog: str | None = None


def _command(module: str, epilog: str, name: str | None = None) -> _Place:
    return _Place(module, name or module, epilog)


_PLACES = {
    "backup": _command("backup", "Examples:  synapse backup  |  synapse backup --only redis --json"),
    "up": _command("up", "Examples:  synapse up  |  synapse up --workers 4 --json"),
    "demo": _command("demo", "Examples:  synapse demo  |  synapse demo --folder /tmp/demo --json"),
    "import": _command(
        "import_",
        "Example:  synapse import redis-20250101.aof faiss-indexes-20250101.tar.gz",
        "import_backups",
    ),
    "init": _command("init", "Examples:  synapse init  |  synapse init --encrypt"),
    "restore": _command(
        "restore",
        "Examples:  synapse restore latest --dry-run  |  synapse restore latest --yes"
        "  |  synapse restore 3f2a --into /tmp/look",
    ),
    "verify": _command("verify", "Examples:  synapse verify  |  synapse verify --all --level 2 --json"),
    "forget": _command(
        "forget",
        "Examples:  synapse forget --keep-daily 7 --keep-weekly 5 --dry-run  |  synapse forget 3f2a --yes",
    ),
    "schedule": _command(
        "schedule", "Examples:  synapse schedule --check  |  synapse schedule --once backup --json"
    ),
    "stats": _command("stats", "Examples:  synapse stats  |  synapse stats --json"),
    "diff": _command("diff", "Examples:  synapse diff 3f2a  |  synapse diff 3f2a 7c01 --json"),
    "copy": _command(
        "copy",
        "Examples:  synapse copy /mnt/other --dry-run  |  synapse copy s3://bucket/prefix latest --json",
    ),
    "prune": _command("prune", "Examples:  synapse prune --dry-run  |  synapse prune --json"),
    "repair": _command(
        "repair", "Examples:  synapse repair --dry-run  |  synapse repair --from /mnt/other --yes --json"
    ),
    "doctor": _command("doctor", "Examples:  synapse doctor  |  synapse doctor --json"),
    "key": _Place("key", "key"),
    "points": _Place("points", "points"),
    "image": _Place("image", "image"),
    "pins": _Place("pins", "pins"),
}


class Commands(TyperGroup):
    """The group of all of them: it knows their names, and makes each one when it is asked for."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  # Typer's own arguments, handed on
        super().__init__(**given)
        self.commands = cast("MutableMapping[str, Any]", _Made())

    def list_commands(self, _ctx: object) -> list[str]:
        """Return the names, in the order in which the help shows them."""
        return list(_PLACES)

    def get_command(self, _ctx: object, name: str) -> Any:  # noqa: ANN401  # a command of Typer, or None
        """Return the command of a name, or None where there is none."""
        return self.commands[name] if name in _PLACES else None


class _Made(Mapping[str, Command]):
    """Name to command; each is made once."""

    def __init__(self) -> None:
        self._made: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._made:
            self._made[name] = _imported(name, _PLACES[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


def _imported(name: str, place: _Place) -> Command:
    found = getattr(import_module(f"{__package__}.{place.module}"), place.name)
    whole = Typer()
    if isinstance(found, Typer):
        whole.add_typer(found, name=name)
    else:
        whole.command(name, epilog=place.epilog)(found)
    return cast("Command", get_group(whole).commands[name])
