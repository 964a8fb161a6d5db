"""Make what the flows need from the settings: the one place where the parts of operations meet."""

import sys
import time

from pipelines.ops.cli.console import Output
from pipelines.ops.cli.here import notice_rollback, settings_here
from pipelines.ops.cli.passphrases import FINAL, asked_passphrase
from pipelines.ops.containers.compose import hand_over
from pipelines.ops.context import Context
from pipelines.ops.errors import NothingError
from pipelines.ops.opening import opened
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.programs import installed_programs
from pipelines.ops.reporting import Stopwatch
from pipelines.ops.repository import ObjectStore, Repository, store_at
from pipelines.ops.restore.recover import recover
from pipelines.ops.settings import OpsSettings


def stack_context(output: Output, *, create: bool = False) -> Context:
    """Make the context for work on the running stack; with containers, run this command in `ops` instead.

    Redis dials the scratch server of a restore, and files of the data folder are locked where the backend
    has them open, so both belong into the containers' network and file system.
    """
    settings = settings_here()
    if settings.stack == "compose":
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        hand_over(sys.argv[1:], files=settings.compose_files, terminal=terminal)
    return context(output, create=create, settings=settings)


def context(output: Output, *, create: bool = False, settings: OpsSettings | None = None) -> Context:
    """Open the repository (with `create`, make it when there is none) and end an interrupted restore."""
    settings = settings or settings_here()
    store = store_at(settings.repository, output.reporter.note)
    work = Context(
        settings=settings,
        repository=_repository(output, settings, store, create=create),
        scratch=Scratch(installed_programs(settings.server), settings.scratch),
        watch=Stopwatch(output.reporter, time.perf_counter),
    )
    ended = recover(work)
    if ended is not None:
        output.reporter.note(f"An interrupted restore was found and {ended}.")
    notice_rollback(output, settings, work.repository)
    return work


def _repository(output: Output, settings: OpsSettings, store: ObjectStore, *, create: bool) -> Repository:
    repository = _opened(output, settings, store, create=create)
    return repository.with_cache(settings.cache) if settings.cache else repository


def _opened(output: Output, settings: OpsSettings, store: ObjectStore, *, create: bool) -> Repository:
    try:
        return opened(settings, store=store, ask=asked_passphrase)
    except NothingError:
        if not create:
            raise
    made = Repository.open_or_create(store, settings.passphrase)
    if made.config.encryption:
        output.reporter.note(f"{store.place} is now an encrypted repository. {FINAL}")
    return made
