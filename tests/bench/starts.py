"""Time the stack in containers from `up` to the first good answer and to healthy, service by service.

Both forms, each on empty volumes and with its images there, on one engine: one that SYNAPSE_TEST_DOCKER
names, else one that is started for it. Where none can be had it says so and ends with code 1.

usage: python -m tests.bench.starts [--runs 3]
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.stack.coming_up import FORMS, REFERENCE_S, SERVICES, Times, come_up, goal_s
from tests.stack.compose import compose_command
from tests.stack.deployment import PROBES_STARTS, deployed
from tests.stack.engine import Engine, NoEngineError, engine, see_that_it_answers
from tests.stack.images import build_images
from tests.stack.standins import lay_standins

_WIDTH = 130


def main() -> int:
    """Start each form so often, and print a table of each; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.starts", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    say = Console(width=_WIDTH)
    try:
        with engine() as found:
            see_that_it_answers(found)
            compose_command()
            lay_standins(found)
            build_images(found)
            for form in FORMS:
                starts = [_started(found, form) for _ in range(runs)]
                say.print(table(form, found.version(), starts, goal_s(probed=found.probes_starts)))
    except NoEngineError as error:
        sys.stderr.write(
            f"NOT MEASURED: how long the stack takes to start, no Docker engine can be had: {error}\n"
        )
        return 1
    return 0


def table(form: str, version: str, runs: Sequence[dict[str, Times]], goal: float) -> Table:
    """Return the medians of some starts, beside the reference and the goal for all services together."""
    title = f"{form} on Docker {version}: seconds, medians of {len(runs)} starts"
    shown = Table(title=title, box=None, title_justify="left")
    columns = ("what", "own start to answer", "`up` to answer", "`up` to healthy", "reference", "goal")
    for name in columns:
        shown.add_column(name, justify="left" if name == "what" else "right")
    for service in SERVICES:
        times = [run[service] for run in runs]
        shown.add_row(service, *_medians([(one.own, one.answered, one.healthy) for one in times]))
    whole = [
        (max(one.answered for one in run.values()), max(one.healthy for one in run.values())) for run in runs
    ]
    shown.add_row("all", "", *_medians(whole), f"{REFERENCE_S:.1f}", f"{goal:.1f}")
    return shown


def _medians(rows: Sequence[tuple[float, ...]]) -> list[str]:
    return [f"{median(column):.1f}" for column in zip(*rows, strict=True)]


def _started(found: Engine, form: str) -> dict[str, Times]:
    files = (*FORMS[form], PROBES_STARTS) if found.probes_starts else FORMS[form]
    with (
        tempfile.TemporaryDirectory(prefix="synapse-starts-") as name,
        deployed(found, Path(name), files) as made,
    ):
        return come_up(made)


if __name__ == "__main__":
    sys.exit(main())
