"""What a command shows: data on stdout, progress and errors on stderr, one exit code at the end."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from app.domain import SynapseError
from pipelines.ops.errors import ExitCode, OpsError
from pipelines.ops.reporting import Advance, Reporter

_INTERRUPTED = 130
_BYTES = "bytes"


class ConsoleReporter:
    """Shows steps on stderr: a live line with rate and time left on a terminal, else one line at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = _BYTES) -> Iterator[Advance]:
        """Show one step while it lasts."""
        if not self._console.is_terminal:
            self._console.print(f"  {title} ...", highlight=False)
            yield lambda _amount: None
            return
        with Progress(*_columns(total, unit), console=self._console, transient=True) as progress:
            task = progress.add_task(title, total=total)
            yield lambda amount: progress.advance(task, amount)
        self._console.print(f"  [green]✓[/] {title}", highlight=False)

    def note(self, text: str) -> None:
        """Show one line that stays."""
        self._console.print(f"  {text}", highlight=False, markup=False)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's words and data go; with `json` stdout carries one JSON document and nothing else."""

    json: bool
    reporter: Reporter
    console: Console
    errors: Console

    def result(self, data: Mapping[str, object], text: str | None = None) -> None:
        """Print the command's data: as JSON, or as text for people."""
        if self.json:
            sys.stdout.write(json.dumps(data, indent=2, sort_keys=True, default=str) + "\n")
        elif text is not None:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, renderable: object) -> None:
        """Print a table or the like to people; nothing with `json`."""
        if not self.json:
            self.console.print(renderable)


@contextmanager
def guarded(*, json: bool = False) -> Iterator[Output]:
    """Give a command its output, and turn what it raises into a sentence and the exit code of the table."""
    errors = Console(stderr=True, soft_wrap=True)
    output = Output(json, ConsoleReporter(errors), Console(), errors)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield output
    except SynapseError as error:
        _say(output, error)
        raise typer.Exit(error.code if isinstance(error, OpsError) else ExitCode.USAGE) from error
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(output: Output, error: SynapseError) -> None:
    if output.json:
        sys.stdout.write(json.dumps({"error": {"what": error.what, "hint": error.hint}}) + "\n")
    output.errors.print(f"[bold red]Error:[/] {_plain(error.what)}", highlight=False)
    output.errors.print(f"[bold]Remedy:[/] {_plain(error.hint)}", highlight=False)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _columns(total: int | None, unit: str) -> list[ProgressColumn]:
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
    if total and unit == _BYTES:
        columns += [BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    elif total:
        columns += [BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn()]
    elif unit == _BYTES:
        columns += [DownloadColumn(), TransferSpeedColumn()]
    return [*columns, TimeElapsedColumn()]
