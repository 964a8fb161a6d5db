"""What is kept about a job between two lives of the scheduler."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

RUNS = 10
"""So many of the last runs are kept."""
_REASON = 500


def _short(text: str) -> str:
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"


class Run(BaseModel):
    """A run that ended: its exit code (None when it never told one), and why it is no success."""

    model_config = ConfigDict(frozen=True)

    started: AwareDatetime
    ended: AwareDatetime
    seconds: float = Field(ge=0)
    code: int | None
    good: bool
    reason: Annotated[str, AfterValidator(_short)] = ""
    hint: Annotated[str, AfterValidator(_short)] = ""
    point: str | None = None
    size: int | None = Field(default=None, ge=0)
    bytes_new: int | None = Field(default=None, ge=0)


class Alarm(BaseModel):
    """When it was last said that a job fails, or that nothing is heard of it; `code` is that of the run."""

    model_config = ConfigDict(frozen=True)

    time: AwareDatetime
    code: int | None = None


class Record(BaseModel):
    """A job's past: all that decides when it runs next and whether somebody must be told.

    `since` is when it was first known, `settled` the time up to which nothing is owed any more. `owed` says
    that a run was cut short and is due at once, `running` when the run began that has not ended, `retry`
    when one that failed is tried again, `failures` how many failed in a row. `kept` is the last run that
    brought something, with its sizes.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    since: AwareDatetime
    settled: AwareDatetime
    owed: bool = False
    running: AwareDatetime | None = None
    retry: AwareDatetime | None = None
    failures: int = Field(default=0, ge=0)
    success: AwareDatetime | None = None
    kept: Run | None = None
    failing: Alarm | None = None
    silent: Alarm | None = None
    runs: tuple[Run, ...] = Field(default=(), max_length=RUNS)


def first_record(now: AwareDatetime, *, owed: bool = False) -> Record:
    """Return the record of a job of which nothing is known."""
    return Record(since=now, settled=now, owed=owed)
