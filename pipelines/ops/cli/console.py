"""What a command shows: data on stdout, progress and errors on stderr, one exit code at the end."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from threading import Lock

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from app.errors import SynapseError
from pipelines.ops.cli.signals import interruptible, write_nowhere
from pipelines.ops.errors import ExitCode, OpsError
from pipelines.ops.reporting import Advance, Reporter

_BYTES = "bytes"


class Words(Console):
    """The console of stderr; work goes on when nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """Say nothing from now on, instead of ending the program."""
        self.quiet = True
        write_nowhere(sys.stderr.fileno())


class ConsoleReporter:
    """Shows steps on stderr: live lines with rate and time left on a terminal, else one line as each begins.

    A word that cannot be written (the log's disk is full) must not end a restore half-way: it is dropped.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = _LiveSteps(console)

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = _BYTES) -> Iterator[Advance]:
        """Show one step while it lasts."""
        if not self._console.is_terminal:
            self._say(f"  {title} ...")
            yield lambda _amount: None
            return
        with self._live.step(title, total, unit) as advance:
            yield advance
        self._say(f"  [green]✓[/] {title}")

    def note(self, text: str) -> None:
        """Show one line that stays."""
        self._say(f"  {_plain(text)}")

    def _say(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(text, highlight=False)


class _LiveSteps:
    """The steps that run now, a line each; threads may have steps side by side."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._progress: Progress | None = None

    @contextmanager
    def step(self, title: str, total: int | None, unit: str) -> Iterator[Advance]:
        with self._lock:
            progress = self._progress or Progress(_Line(), console=self._console, transient=True)
            task = progress.add_task(title, total=total, unit=unit)
            progress.start()
            self._progress = progress
        try:
            yield lambda amount: progress.advance(task, amount)
        finally:
            with self._lock:
                progress.remove_task(task)
                if not progress.tasks:
                    progress.stop()
                    self._progress = None


class _Line(ProgressColumn):
    """All that is shown of a step, as its unit and its end let."""

    def render(self, task: Task) -> Table:
        """Return one line."""
        line = Table.grid(padding=(0, 1))
        line.add_row(*(column(task) for column in _columns(bool(task.total), task.fields["unit"])))
        return line


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's words and data go; with `json` stdout carries one JSON document and nothing else."""

    json: bool
    reporter: Reporter
    console: Console
    errors: Console
    _document: dict[str, object] = field(default_factory=dict)

    def result(self, data: Mapping[str, object], text: str | None = None) -> None:
        """Print the command's data: as text for people, or as JSON when the command ends."""
        if self.json:
            self._document.update(data)
        elif text is not None:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def failed(self, what: str, hint: str) -> None:
        """Say what failed; with `json` it also becomes part of the document."""
        self._document["error"] = {"what": what, "hint": hint}
        with suppress(OSError):
            self.errors.print(f"[bold red]Error:[/] {_plain(what)}", highlight=False)
            self.errors.print(f"[bold]Remedy:[/] {_plain(hint)}", highlight=False)

    def close(self) -> None:
        """Print the one JSON document."""
        if self.json and self._document:
            sys.stdout.write(json.dumps(self._document, indent=2, sort_keys=True, default=str) + "\n")

    def show(self, renderable: object) -> None:
        """Print a table or the like to people; nothing with `json`."""
        if not self.json:
            self.console.print(renderable)


@contextmanager
def guarded(*, json: bool = False) -> Iterator[Output]:
    """Give a command its output, and turn what it raises into a sentence and the exit code of the table."""
    errors = Words(stderr=True, soft_wrap=True)
    output = Output(json, ConsoleReporter(errors), Console(), errors)
    try:
        with interruptible():
            yield output
    except SynapseError as error:
        output.failed(error.what, error.hint)
        raise typer.Exit(error.code if isinstance(error, OpsError) else ExitCode.USAGE) from error
    except (KeyboardInterrupt, typer.Abort):
        output.failed(
            "Interrupted.", "Run the command again; `synapse doctor` tells whether anything is left."
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        output.close()


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


@cache
def _columns(bounded: bool, unit: str) -> tuple[ProgressColumn, ...]:  # noqa: FBT001  # a key of the cache
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
    if bounded and unit == _BYTES:
        columns += [BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    elif bounded:
        columns += [BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn()]
    elif unit == _BYTES:
        columns += [DownloadColumn(), TransferSpeedColumn()]
    return (*columns, TimeElapsedColumn())
