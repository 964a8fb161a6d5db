"""The report of another run, with whose images those of this one are compared."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.dag.errors import JobError, RefusedJobError

_IMAGE = "image "


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says: its commit, whether the tree differed, and the digest of each image it names."""

    commit: str
    dirty: str
    digests: Mapping[str, str]


def read_report(word: str) -> Told:
    """Read a report.json, as the command line names it. Raises JobError.

    At once: it may lie where this run's own reports will be.
    """
    try:
        facts = json.loads(Path(word).read_text(encoding="utf-8"))["facts"]
        found = {name: str(value) for name, value in facts.items() if name.startswith(_IMAGE)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobError(
            f"{word} is no report of a run: {error}.",
            "Name a report.json of ci.py, release.py or reproduce.py.",
        ) from error
    if not found:
        raise JobError(f"{word} names no image.", "Name the report of a run that built images.")
    commit, dirty = (str(facts.get(name, "not named")) for name in ("commit", "dirty"))
    return Told(commit, dirty, {name.removeprefix(_IMAGE): digest for name, digest in found.items()})


def check_same(told: Told, own: Mapping[str, object]) -> None:
    """Raise RefusedJobError unless a report is of the commit that the facts of this run name."""
    if (told.commit, told.dirty) != (own.get("commit"), "no"):
        raise RefusedJobError(
            f"The other report is of commit {told.commit} (dirty: {told.dirty}),"
            f" and this is {own.get('commit')}.",
            "Check that commit out, or name a report of this one, made from a clean tree.",
        )
