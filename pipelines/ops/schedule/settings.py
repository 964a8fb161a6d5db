"""The settings of `synapse schedule`: the timetables, where it listens, and whom it tells."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from typing import Literal, cast

from app.settings import secret
from pipelines.ops.errors import UsageError
from pipelines.ops.schedule.jobs import BACKUP, FORGET, NAMES, PRUNE, VERIFY, Job, job
from pipelines.ops.schedule.timetable import steady_delay, timetable, zone_named
from pipelines.ops.timespans import timespan

_TIMES = {
    BACKUP: "SYNAPSE_SCHEDULE_BACKUP",
    VERIFY: "SYNAPSE_SCHEDULE_VERIFY",
    FORGET: "SYNAPSE_SCHEDULE_FORGET",
    PRUNE: "SYNAPSE_SCHEDULE_PRUNE",
}
_AGES = {
    BACKUP: "SYNAPSE_SCHEDULE_BACKUP_MAX_AGE",
    VERIFY: "SYNAPSE_SCHEDULE_VERIFY_MAX_AGE",
    FORGET: "SYNAPSE_SCHEDULE_FORGET_MAX_AGE",
    PRUNE: "SYNAPSE_SCHEDULE_PRUNE_MAX_AGE",
}
_KEEP = "SYNAPSE_SCHEDULE_KEEP"
_COUNTED = re.compile(r"--keep-(last|hourly|daily|weekly|monthly|yearly)")
_HOST = re.compile(r"\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+")
_LIMIT = "6h"
_SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Mail:
    """How a message is sent: over which server, from whom to whom."""

    host: str
    port: int
    security: Security
    sender: str
    to: tuple[str, ...]
    username: str | None = None
    password: str | None = None
    ca: Path | None = None

    def __repr__(self) -> str:
        """Show no password."""
        return f"Mail({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Channels:
    """Who is told: a webhook (SYNAPSE_NOTIFY_WEBHOOK), a service that waits for pings, people by mail."""

    webhook: str | None = None
    ping: str | None = None
    mail: Mail | None = None

    def __repr__(self) -> str:
        """Show no address: whoever knows one may write there."""
        return "Channels(…)"


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The jobs in their order, where /metrics is served (SYNAPSE_SCHEDULE_LISTEN), and who is told."""

    jobs: tuple[Job, ...]
    listen: tuple[str, int] | None
    channels: Channels


def schedule_settings(given: Mapping[str, str], host: str) -> ScheduleSettings:
    """Read the settings. Raises UsageError that names the variable; SynapseError of a file of a secret."""
    jobs = timetables(given, host)
    if not jobs:
        raise UsageError(
            "There is no schedule.", f'Set {_TIMES[BACKUP]}="15 3 * * *", for every day at 3:15.'
        )
    return ScheduleSettings(jobs, _listen("SYNAPSE_SCHEDULE_LISTEN", given), _channels(given))


def timetables(given: Mapping[str, str], host: str) -> tuple[Job, ...]:
    """Read which jobs there are, and when each is run. Raises UsageError that names the variable."""
    zone = _zone("SYNAPSE_SCHEDULE_TIMEZONE", given)
    jitter = _span("SYNAPSE_SCHEDULE_JITTER", given) or timedelta()
    limit = _span("SYNAPSE_SCHEDULE_TIME_LIMIT", given) or timespan("the default", _LIMIT)
    return tuple(
        _job(name, given, zone=zone, delay=steady_delay(jitter, host, name), limit=limit)
        for name in NAMES
        if given.get(_TIMES[name])
    )


def _job(name: str, given: Mapping[str, str], *, zone: tzinfo, delay: timedelta, limit: timedelta) -> Job:
    variable = _TIMES[name]
    try:
        times = timetable(given[variable], zone, delay)
    except ValueError as error:
        raise UsageError(
            f"{variable}={given[variable]} is no cron expression: {error}.",
            'Write five fields, such as "15 3 * * *" for every day at 3:15.',
        ) from None
    options = _policy(given) if name == FORGET else ()
    return job(name, times, limit=limit, max_age=_span(_AGES[name], given), options=options)


def _policy(given: Mapping[str, str]) -> tuple[str, ...]:
    """Read what `synapse forget` keeps, written as its options are."""
    text = given.get(_KEEP, "")
    example = f'Set {_KEEP}="--keep-last 24 --keep-daily 7", with the --keep options of `synapse forget`.'
    if not text:
        raise UsageError(f"{_TIMES[FORGET]} is set, and {_KEEP} does not say what to keep.", example)
    wrong = UsageError(f"{_KEEP}={text} is no policy.", example)
    try:
        words = tuple(word for part in shlex.split(text) for word in part.split("=", 1))
    except ValueError:
        raise wrong from None
    pairs = list(zip(words[::2], words[1::2], strict=False))
    counts = [
        value
        for name, value in pairs
        if (_COUNTED.fullmatch(name) and re.fullmatch(r"[0-9]{1,6}", value))
        or (name == "--keep-within" and timespan(f"{_KEEP}: --keep-within", value))
    ]
    if len(words) % 2 or len(counts) != len(pairs) or not any(value.strip("0") for value in counts):
        raise wrong
    return words


def _zone(name: str, given: Mapping[str, str]) -> tzinfo:
    value = given.get(name)
    if value is None:
        return UTC
    try:
        return zone_named(value)
    except ValueError as error:
        raise UsageError(f"{name}={value}: {error}.", "Name one such as UTC or Europe/Berlin.") from None


def _span(name: str, given: Mapping[str, str]) -> timedelta | None:
    value = given.get(name)
    return timespan(name, value) if value else None


def _listen(name: str, given: Mapping[str, str]) -> tuple[str, int] | None:
    """Read `9184` (on loopback) or `host:9184`."""
    value = given.get(name)
    return _host_and_port(name, value, host="127.0.0.1") if value else None


def _host_and_port(name: str, value: str, *, host: str = "", port: int = 0) -> tuple[str, int]:
    """Read `host:port`; a missing port is `port`, and a number alone is one on `host` where that is given."""
    head, colon, tail = value.rpartition(":")
    if host and value.isdecimal():
        head, tail = host, value
    elif not (colon and tail.isdecimal()):
        head, tail = value, str(port)
    if not _HOST.fullmatch(head) or len(tail) > 5 or not 0 < int(tail) < 1 << 16:  # noqa: PLR2004  # digits
        raise UsageError(f"{name}={value} is no address.", "Write a host and a port, such as 127.0.0.1:9184.")
    return head.strip("[]"), int(tail)


def _channels(given: Mapping[str, str]) -> Channels:
    return Channels(
        webhook=_secret_url("SYNAPSE_NOTIFY_WEBHOOK", given),
        ping=_secret_url("SYNAPSE_NOTIFY_PING", given),
        mail=_mail(given),
    )


def _secret_url(name: str, given: Mapping[str, str]) -> str | None:
    value = secret(name, given)
    if value is not None and re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value) is None:
        # Not shown: whoever knows it may write there.
        raise UsageError(f"{name} is no address.", "Set it to one such as https://hooks.example/abc.")
    return value and value.rstrip("/")


def _mail(given: Mapping[str, str]) -> Mail | None:
    to = tuple(given.get("SYNAPSE_NOTIFY_MAIL_TO", "").replace(",", " ").split())
    if not to:
        return None
    sender = given.get("SYNAPSE_NOTIFY_MAIL_FROM", to[0])
    for name, addresses in (("SYNAPSE_NOTIFY_MAIL_TO", to), ("SYNAPSE_NOTIFY_MAIL_FROM", (sender,))):
        for one in addresses:
            if re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", one) is None:
                raise UsageError(f"{name}: {one} is no address.", "Write one such as ops@example.org.")
    security = given.get("SYNAPSE_NOTIFY_SMTP_SECURITY", "starttls")
    if security not in _SMTP_PORTS:
        raise UsageError(
            f"SYNAPSE_NOTIFY_SMTP_SECURITY={security} is not known.", "Set it to starttls, tls or none."
        )
    server = given.get("SYNAPSE_NOTIFY_SMTP")
    if server is None:
        raise UsageError(
            "SYNAPSE_NOTIFY_MAIL_TO is set, but no server that sends.",
            "Set SYNAPSE_NOTIFY_SMTP to one such as smtp.example.org:587.",
        )
    host, port = _host_and_port("SYNAPSE_NOTIFY_SMTP", server, port=_SMTP_PORTS[security])
    username = given.get("SYNAPSE_NOTIFY_SMTP_USERNAME")
    password = secret("SYNAPSE_NOTIFY_SMTP_PASSWORD", given)
    if (username is None) != (password is None) or (password and security == "none"):
        raise UsageError(
            "A login needs SYNAPSE_NOTIFY_SMTP_USERNAME, a password and an encrypted connection.",
            "Set SYNAPSE_NOTIFY_SMTP_PASSWORD_FILE, and SYNAPSE_NOTIFY_SMTP_SECURITY to starttls or tls.",
        )
    ca = given.get("SYNAPSE_NOTIFY_SMTP_CA")
    return Mail(
        host=host,
        port=port,
        security=cast("Security", security),
        sender=sender,
        to=to,
        username=username,
        password=password,
        ca=Path(ca) if ca else None,
    )
