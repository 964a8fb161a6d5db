"""One job over its lives: taken when it is due, run as a child, and its record kept."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from pipelines.ops.errors import ExitCode
from pipelines.ops.schedule import rules
from pipelines.ops.schedule.child import Child, Outcome
from pipelines.ops.schedule.jobs import Job
from pipelines.ops.schedule.keeping import Note, Shelf
from pipelines.ops.schedule.record import Alarm, Record, Run

Launch = Callable[[Job, Callable[[str], None]], Child]
"""Starts the process of a job; it is given what takes each line of the log."""


class Audience(Protocol):
    """Who is told of what happens to a job; telling takes no time and raises nothing."""

    def began(self, job: Job) -> None:
        """Take note that a run begins."""

    def ended(self, job: Job, run: Run) -> None:
        """Take note that a run ended, well or not."""

    def failed(self, job: Job, record: Record) -> None:
        """Say that the last run failed."""

    def silent(self, job: Job, record: Record) -> None:
        """Say that there was no success for too long."""


class Runner:
    """Runs one job. Its lock is held from the decision until the end of the run is kept."""

    def __init__(
        self,
        job: Job,
        shelf: Shelf,
        *,
        launch: Launch,
        audience: Audience,
        note: Note,
        now: Callable[[], datetime],
    ) -> None:
        self.job = job
        self._shelf = shelf
        self._launch = launch
        self._audience = audience
        self._note = note
        self._now = now
        self._handle: int | None = None
        self._child: Child | None = None
        self._started = now()
        self._stopped = False

    @property
    def pipes(self) -> list[int]:
        """What can be waited for while it runs."""
        return self._child.pipes if self._child else []

    @property
    def busy(self) -> bool:
        """Whether it runs here now."""
        return self._child is not None

    def record(self) -> Record:
        """Return what is known of the job; what a wrong clock has left in the future counts from now on."""
        now = self._now()
        known = self._shelf.read(now)
        right = rules.adjusted(known, now)
        if right is not known and self._keep(right):
            self._note("the clock was ahead", level="warning", job=self.job.name)
        return right

    def next_run(self) -> datetime:
        """Return when it is due next."""
        return rules.due(self.record(), self.job.timetable)

    def take_up(self) -> None:
        """See to what an earlier life left: keep a first record, and note a run that never ended."""
        if self._hold():
            try:
                self._shelf.write(self._known())
            finally:
                self._release()

    def start_if_due(self) -> bool:
        """Start it if it is due and nobody else runs it; whether it was started."""
        if self.busy or self.next_run() > self._now():
            return False
        return self.start(only_if_due=True)

    def start(self, *, only_if_due: bool = False) -> bool:
        """Start it unless somebody else runs it."""
        if not self._hold():
            return False
        try:
            # What was read before may be older than another's run that has just ended.
            record, now = self._known(), self._now()
            if only_if_due and rules.due(record, self.job.timetable) > now:
                self._shelf.write(record)
                return False
            self._begin(record, now)
        finally:
            if not self.busy:
                self._release()
        return True

    def look(self) -> Run | None:
        """See to the running child; the run once it has ended."""
        outcome = self._child.look() if self._child else None
        return self._finish(outcome) if outcome else None

    def tell_to_end(self) -> None:
        """Ask the running child to end: the scheduler does."""
        self._stopped = self.busy
        if self._child:
            self._child.tell_to_end("The scheduler was told to end.", "Nothing: it is run at the next start.")

    def catch_up_writing(self) -> None:
        """Try again to keep what could not be kept."""
        if self._shelf.unwritten:
            self._keep(self.record())

    def see_to_silence(self) -> None:
        """Tell of a job that had no success for too long, whether it runs or not."""
        if not rules.tell_of_silence(self.record(), self.job.max_age, self._now()):
            return
        if self.busy:
            self._tell_of_silence()
        elif self._hold():
            try:
                self._tell_of_silence()
            finally:
                self._release()

    def _tell_of_silence(self) -> None:
        record, now = self.record(), self._now()
        if rules.tell_of_silence(record, self.job.max_age, now):
            self._note("overdue", level="error", job=self.job.name, success=record.success)
            self._audience.silent(self.job, record)
            self._shelf.write(record.model_copy(update={"silent": Alarm(time=now)}))

    def _hold(self) -> bool:
        """Take the job; False while somebody has it."""
        if self._handle is None:
            self._handle = self._shelf.hold()
            return self._handle is not None
        return False

    def _release(self) -> None:
        self._shelf.release(self._handle)
        self._handle = None

    def _keep(self, record: Record) -> bool:
        """Write the record, if nobody else has the job."""
        if self._handle is not None:
            self._shelf.write(record)
            return True
        if not self._hold():
            return False
        self._shelf.write(record)
        self._release()
        return True

    def _known(self) -> Record:
        """Return the record for whoever holds the job: a run that it says to be under way was lost."""
        record = self.record()
        if record.running is None:
            return record
        self._note("a run was lost", level="error", job=self.job.name, began=record.running)
        return self._told(rules.lost(record, self._now()))

    def _begin(self, record: Record, now: datetime) -> None:
        self._started, self._stopped = now, False
        self._shelf.write(rules.begun(record, now))
        self._note("run", job=self.job.name, due=rules.due(record, self.job.timetable))
        self._audience.began(self.job)
        try:
            self._child = self._launch(self.job, self._say)
        except OSError as error:
            self._finish(Outcome(ExitCode.FAILED, {}, f"It cannot be started ({error.strerror})."))

    def _say(self, line: str) -> None:
        self._note("said", job=self.job.name, line=line)

    def _finish(self, outcome: Outcome) -> Run:
        run = _run(self.job, outcome, self._started, self._now())
        record = self.record()
        if self._stopped and not run.good:
            record = rules.cut_short(record, run)
        else:
            record = rules.ended(record, run)
            self._audience.ended(self.job, run)
        level = "info" if run.good else "error"
        self._note(
            "ended", level=level, job=self.job.name, code=run.code, seconds=run.seconds, reason=run.reason
        )
        self._shelf.write(self._told(record))
        self._child = None
        self._release()
        return run

    def _told(self, record: Record) -> Record:
        """Tell of the failure of the last run, if it is to be told; the record that says so."""
        now = self._now()
        if not rules.tell_of_failure(record, now):
            return record
        self._audience.failed(self.job, record)
        return record.model_copy(update={"failing": Alarm(time=now, code=record.runs[-1].code)})


def _run(job: Job, outcome: Outcome, started: datetime, now: datetime) -> Run:
    """Describe a run by its exit code and what it said."""
    good = job.good(outcome.code)
    reason, hint = ("", "") if good else _why(outcome)
    return Run(
        started=started,
        ended=max(now, started),
        seconds=round(max(now - started, timedelta()).total_seconds(), 3),
        code=outcome.code,
        good=good,
        reason=reason,
        hint=hint,
        point=_text(outcome.document, "point"),
        size=_count(outcome.document, "size"),
        bytes_new=_count(outcome.document, "bytes_new"),
    )


def _why(outcome: Outcome) -> tuple[str, str]:
    if outcome.because:
        return outcome.because, outcome.hint
    error = outcome.document.get("error")
    if isinstance(error, Mapping):
        return str(error.get("what", "")), str(error.get("hint", ""))
    said = f" {outcome.last_line}" if outcome.last_line else ""
    how = f"was killed by signal {-outcome.code}" if outcome.code < 0 else f"ended with code {outcome.code}"
    return f"It {how}.{said}", "Look at the log of `synapse schedule`."


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None


def _count(document: Mapping[str, object], name: str) -> int | None:
    value = document.get(name)
    return value if isinstance(value, int) and value >= 0 else None
