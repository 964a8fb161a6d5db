"""What a check is: something to look at, and what was found there with its reason and remedy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pipelines.ops.containers.docker import Asked, Container
from pipelines.ops.schedule.jobs import Job
from pipelines.ops.settings import OpsSettings


class State(StrEnum):
    """Green is well, amber wants attention, red is broken, skipped could not or need not be looked at."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist: what was looked at, its state, why, and what to do when it is not well."""

    name: str
    state: State
    reason: str
    remedy: str = ""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined: the installation that the settings describe, at this time.

    `containers` are those of its stack, by service; Docker is asked once. `jobs` are those of the
    schedule; it raises UsageError for settings that cannot be used.
    """

    settings: OpsSettings
    now: Callable[[], datetime] = _utc_now
    containers: Callable[[], Mapping[str, Container]] = field(default_factory=Asked)
    jobs: Callable[[], Sequence[Job]] = tuple

    @property
    def repository_variable(self) -> str:
        """The setting that names the repository."""
        folder = isinstance(self.settings.repository, Path)
        return "BACKUPS_DIR" if folder and self.settings.stack == "compose" else "SYNAPSE_REPOSITORY"

    @property
    def start(self) -> str:
        """The command that starts the stack."""
        return "docker compose up --detach --wait" if self.settings.stack == "compose" else "synapse up"


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its name; `look` yields one finding or several, and may raise SynapseError for a red one."""

    name: str
    look: Callable[[Subject], Iterator[Finding]]


def green(name: str, reason: str) -> Finding:
    """Say that something is well."""
    return Finding(name, State.GREEN, reason)


def amber(name: str, reason: str, remedy: str) -> Finding:
    """Say that something wants attention."""
    return Finding(name, State.AMBER, reason, remedy)


def red(name: str, reason: str, remedy: str) -> Finding:
    """Say that something is broken."""
    return Finding(name, State.RED, reason, remedy)


def skipped(name: str, reason: str) -> Finding:
    """Say why something was not looked at."""
    return Finding(name, State.SKIPPED, reason)
