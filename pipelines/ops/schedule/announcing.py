"""Who hears what: pings for each run, people on failure and on silence alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pipelines.ops.doctor.quantities import span
from pipelines.ops.schedule.courier import Courier
from pipelines.ops.schedule.jobs import BACKUP, Job
from pipelines.ops.schedule.record import Record, Run
from pipelines.ops.schedule.senders import post, send_mail
from pipelines.ops.schedule.settings import Channels

_EACH = "{job}"
"""In the address of the pings: the name of the job; without it the backup alone is pinged."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What people read: a line, some more lines, and the same for programs."""

    subject: str
    text: str
    document: Mapping[str, object]


def failure(job: Job, record: Record, host: str) -> Notice:
    """Say that the last run failed, why, and what to do."""
    run = record.runs[-1]
    return _notice(
        "failed",
        job,
        record,
        host,
        what=f"synapse {job.name} failed on {host}",
        why=f"{run.reason} (exit code {'unknown' if run.code is None else run.code})",
        remedy=run.hint,
    )


def silence(job: Job, record: Record, host: str) -> Notice:
    """Say that there was no success for too long, and since when."""
    since = record.success or record.since
    last = "The last good run ended at" if record.success else "No run was ever good; it is known since"
    return _notice(
        "overdue",
        job,
        record,
        host,
        what=f"synapse {job.name} is overdue on {host}",
        why=f"{last} {since:%Y-%m-%d %H:%M:%S} UTC; {span(job.max_age)} are allowed.",
        remedy="Look at the log of `synapse schedule`, and at `synapse doctor`.",
    )


class Announcer:
    """Tells everybody who was named; telling takes no time, and what fails is tried again."""

    def __init__(self, channels: Channels, courier: Courier, host: str) -> None:
        self._channels = channels
        self._courier = courier
        self._host = host

    def began(self, job: Job) -> None:
        """Ping that a run begins."""
        self._ping(job, "/start", "")

    def ended(self, job: Job, run: Run) -> None:
        """Ping how a run ended."""
        self._ping(job, "" if run.good else "/fail", run.reason)

    def failed(self, job: Job, record: Record) -> None:
        """Tell people of a failure."""
        self._tell(failure(job, record, self._host))

    def silent(self, job: Job, record: Record) -> None:
        """Tell people of silence."""
        self._tell(silence(job, record, self._host))

    def _tell(self, notice: Notice) -> None:
        webhook, mail = self._channels.webhook, self._channels.mail
        if webhook:
            self._courier.deliver("webhook", partial(post, webhook, document=notice.document))
        if mail:
            self._courier.deliver("mail", partial(send_mail, mail, notice.subject, notice.text))

    def _ping(self, job: Job, suffix: str, text: str) -> None:
        address = self._channels.ping
        if address and (_EACH in address or job.name == BACKUP):
            self._courier.deliver("ping", partial(post, address.replace(_EACH, job.name) + suffix, text=text))


def _notice(event: str, job: Job, record: Record, host: str, *, what: str, why: str, remedy: str) -> Notice:
    document = {
        "event": event,
        "job": job.name,
        "host": host,
        "text": f"{what}: {why}",
        "reason": why,
        "remedy": remedy,
        "exit_code": record.runs[-1].code if record.runs else None,
        "failures_in_a_row": record.failures,
        "last_success": record.success.isoformat() if record.success else None,
        "max_age_seconds": job.max_age.total_seconds(),
    }
    return Notice(what, f"{what}.\n\n{why}\n\nRemedy: {remedy}\n", document)
