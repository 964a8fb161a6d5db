"""`synapse demo`: the main job for real, in a folder of its own, with a report at the end."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.wiring import context
from pipelines.ops.cli.words import seconds, size
from pipelines.ops.context import Context
from pipelines.ops.demo.flow import DemoReport, run
from pipelines.ops.demo.place import make_place
from pipelines.ops.errors import OpsError
from pipelines.ops.model import RedisDigest
from pipelines.ops.settings import load


def demo(
    folder: Annotated[Path, typer.Option(help="The demo's own folder; it is emptied first.")] = Path(".demo"),
    *,
    as_json: Json = False,
) -> None:
    """Fill a stack, save it under load, destroy it, restore it, and prove that everything is back.

    Starts its own Redis-compatible server and backend on free ports, and leaves nothing running.
    """
    with guarded(json=as_json) as output:
        began = time.perf_counter()
        place = make_place(folder)
        environ = place.environment(os.environ)
        work = context(output, create=True, settings=load(environ, None))
        report = run(work, place, environ)
        took = time.perf_counter() - began
        output.result(_data(work, report, took))
        for part in _report(work, report, took):
            output.show(part)
        if report.problems:
            raise OpsError(
                f"Not everything came back: {'; '.join(report.problems)}.", f"Look into {place.folder}."
            )


def _report(work: Context, report: DemoReport, took: float) -> list[RenderableType]:
    good = not report.problems
    return [
        Text(),
        Text(
            "Every key and every answer is back." if good else "NOT everything is back.",
            "bold green" if good else "bold red",
        ),
        Text(),
        _answers(report),
        Text(),
        _saved(work, report),
        Text(),
        _timings(work, took),
        Text(),
        Text(_by_hand(report), no_wrap=True, overflow="ignore"),
    ]


def _answers(report: DemoReport) -> Table:
    table = Table(
        box=None, pad_edge=False, title="Asked before the loss and after the restore", title_justify="left"
    )
    table.add_column("question")
    table.add_column("cited articles")
    for asked in report.answers:
        table.add_row(asked.question, ", ".join(dict.fromkeys(asked.cited)))
    return table


def _saved(work: Context, report: DemoReport) -> Table:
    proof = report.saved.get("proof") or {}
    rows = {
        "restore point": str(report.saved["point"])[:12],
        "lies in": str(work.settings.repository),
        "Redis": f"{report.keys} keys before, {report.busy_keys} more written meanwhile",
        "documents": f"{report.documents} articles before, {report.busy_documents} notes added meanwhile",
        "size": f"{size(report.saved['size'])}, {size(report.saved['bytes_new'])} in the repository",
        "proof": f"booted and queried in {seconds(proof.get('seconds', 0.0))}",
        "digest before": _short(report.before),
        "digest after": _short(report.after),
    }
    table = Table(box=None, pad_edge=False, title="What was saved", title_justify="left", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _timings(work: Context, took: float) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        title=f"Time: {seconds(took)} in all",
        title_justify="left",
        show_header=False,
    )
    table.add_column("step")
    table.add_column("took", justify="right")
    for timing in work.watch.timings:
        table.add_row(timing.step, seconds(timing.seconds))
    return table


def _by_hand(report: DemoReport) -> str:
    settings = [f"  export {name}={value}" for name, value in report.place.settings.items()]
    return "\n".join(
        [
            "By hand, on what the demo left:",
            *settings,
            "  synapse up                                 start the stack (Ctrl-C stops it)",
            "  synapse backup                             take a restore point and prove it",
            "  synapse points list                        see what there is",
            "  synapse verify latest                      boot and query it again",
            "  synapse restore latest --dry-run           see what a restore would change",
            "  synapse restore latest                     restore into the running or stopped stack",
            "  synapse restore latest --into some-folder  plain files for any redis-server",
        ]
    )


def _data(work: Context, report: DemoReport, took: float) -> dict[str, object]:
    return {
        "good": not report.problems,
        "problems": report.problems,
        "seconds": round(took, 3),
        "folder": str(report.place.folder),
        "settings": dict(report.place.settings),
        "backup": report.saved,
        "restore": report.restored,
        "keys": {"before": report.keys, "written_meanwhile": report.busy_keys},
        "documents": {"before": report.documents, "added_meanwhile": report.busy_documents},
        "digest_before": report.before.persistent if report.before else None,
        "digest_after": report.after.persistent if report.after else None,
        "steps": [{"step": timing.step, "seconds": timing.seconds} for timing in work.watch.timings],
    }


def _short(digest: RedisDigest | None) -> str:
    return digest.persistent[:32] if digest else "none"
