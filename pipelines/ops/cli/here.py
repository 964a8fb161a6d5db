"""The settings and the repository of this process, for commands that need no more than these."""

import os
from datetime import UTC, datetime

from pipelines.ops.cli.console import Output
from pipelines.ops.cli.passphrases import asked_passphrase
from pipelines.ops.opening import opened
from pipelines.ops.remembering import Memory
from pipelines.ops.repository import Repository
from pipelines.ops.settings import OpsSettings, load


def settings_here() -> OpsSettings:
    """Read the settings of this process."""
    return load(os.environ)


def opened_here(output: Output) -> Repository:
    """Open the repository of the settings to look at it; the passphrase is asked for when it is needed."""
    settings = settings_here()
    repository = opened(settings, ask=asked_passphrase)
    notice_rollback(output, settings, repository)
    return repository


def memory_of(settings: OpsSettings, repository: Repository) -> Memory:
    """Return what this machine remembers of a repository."""
    return Memory(settings.service.data_dir, repository)


def notice_rollback(output: Output, settings: OpsSettings, repository: Repository) -> None:
    """Say aloud when the repository is older than what this machine remembers of it."""
    lost = memory_of(settings, repository).look(datetime.now(UTC))
    if lost:
        output.reporter.note(f"Warning: {lost}")
