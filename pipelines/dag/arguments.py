"""The options that every job takes."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed: `plan` shows the steps and runs none, `reports` is where report files go."""

    plan: bool
    json: bool
    only: tuple[str, ...]
    skip: tuple[str, ...]
    reports: Path
    more: argparse.Namespace


def parser(job: str, purpose: str) -> argparse.ArgumentParser:
    """Return the parser of a job with the options that all have; a job adds its own."""
    made = argparse.ArgumentParser(
        prog=f"dagger run python pipelines/{job}.py",
        description=purpose,
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to do or not found, 4 damaged data,"
        " 5 cannot reach, 6 refused by a safety check, 7 no Dagger engine, 130 interrupted.",
    )
    made.add_argument("--plan", action="store_true", help="show what would run, and run nothing")
    made.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    made.add_argument(
        "--only", action="append", default=[], metavar="STEP", help="this step and what it needs"
    )
    made.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave this step out")
    made.add_argument(
        "--reports", type=Path, default=Path("test-reports"), metavar="DIR", help="where the reports go"
    )
    return made


def read(made: argparse.ArgumentParser, arguments: Sequence[str]) -> Options:
    """Read the arguments; a wrong one ends the process with code 2, as argparse does."""
    found = made.parse_args(list(arguments))
    return Options(
        found.plan, found.json, tuple(_names(found.only)), tuple(_names(found.skip)), found.reports, found
    )


def _names(given: Sequence[str]) -> list[str]:
    """Take `--only a --only b` and `--only a,b` alike."""
    return [name for words in given for name in re.split(r"[,\s]+", words) if name]
