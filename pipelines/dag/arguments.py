"""The options that every job takes."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import NoReturn

from pipelines.dag.errors import JobError

START_LIMIT_S = 120.0


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
    made = _Parser(
        prog=f"dagger run python pipelines/{job}.py",
        description=purpose,
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to do or not found, 4 damaged data,"
        " 5 cannot reach, 6 refused by a safety check, 7 no Dagger engine, 130 interrupted.",
        allow_abbrev=False,
    )
    made.add_argument("--plan", action="store_true", help="show what would run, and run nothing")
    made.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    for option, means in (("--only", "this step and what it needs"), ("--skip", "leave this step out")):
        made.add_argument(
            option,
            action="append",
            default=[],
            metavar="STEP",
            help=f"{means}; several with commas, as --plan names them",
        )
    made.add_argument(
        "--reports", type=_folder, default=Path("test-reports"), metavar="DIR", help="where the reports go"
    )
    return made


def read(made: argparse.ArgumentParser, arguments: Sequence[str]) -> Options:
    """Read the arguments. Raises JobError for a wrong one; `--help` ends the process."""
    found = made.parse_args(list(arguments))
    only, skip = (_names(made, option, getattr(found, option)) for option in ("only", "skip"))
    return Options(found.plan, found.json, only, skip, found.reports, found)


def take_start_limit(made: argparse.ArgumentParser) -> None:
    """Add how long each service of an ephemeral stack may take until it listens."""
    made.add_argument(
        "--start-limit",
        type=seconds,
        default=START_LIMIT_S,
        metavar="SECONDS",
        help=f"how long each service of an ephemeral stack may take to start ({START_LIMIT_S:.0f})",
    )


def seconds(word: str) -> float:
    """Return a time that lasts. Raises ValueError, of which the parser makes a message."""
    if not 0 < float(word) < inf:
        raise ValueError(word)
    return float(word)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise JobError(
            f"{message[:1].upper()}{message[1:]}.",
            f"`{self.prog.removeprefix('dagger run ')} --help` shows what it takes.",
        )


def _folder(word: str) -> Path:
    """Return a folder that is there or can be made."""
    path = Path(word)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{word} is no folder")
    return path


def _names(made: argparse.ArgumentParser, option: str, given: Sequence[str]) -> tuple[str, ...]:
    """Take `--only a --only b` and `--only a,b` alike; without a name it would mean every step."""
    names = tuple(name for words in given for name in re.split(r"[,\s]+", words) if name)
    if given and not names:
        made.error(f"argument --{option}: names no step")
    return names
