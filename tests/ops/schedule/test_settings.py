"""The settings of a schedule: what each means, and one sentence with its name for what cannot be."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import SynapseError
from pipelines.ops.schedule.settings import schedule_settings

BACKUP = {"SYNAPSE_SCHEDULE_BACKUP": "15 3 * * *"}
SECRET = "a-secret-word"
MAIL = {
    "SYNAPSE_NOTIFY_MAIL_TO": "ops@example.org, second@example.org",
    "SYNAPSE_NOTIFY_SMTP": "smtp.example",
}


def test_one_timetable_is_enough() -> None:
    """A daily backup may be 26 hours old, is not served, and told to nobody, unless that is set."""
    made = schedule_settings(BACKUP, "here")
    assert [job.arguments for job in made.jobs] == [("backup", "--json")]
    assert made.jobs[0].max_age == timedelta(hours=26)
    assert made.jobs[0].limit == timedelta(hours=6)
    assert made.listen is None
    assert (made.channels.webhook, made.channels.ping, made.channels.mail) == (None, None, None)


def test_everything_can_be_set(tmp_path: Path) -> None:
    """Each job with its own; the policy in the words of the command; secrets out of files."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    made = schedule_settings(
        {
            **BACKUP,
            "SYNAPSE_SCHEDULE_VERIFY": "0 5 * * sun",
            "SYNAPSE_SCHEDULE_FORGET": "30 4 * * *",
            "SYNAPSE_SCHEDULE_KEEP": "--keep-last 24 --keep-daily=7 --keep-within 8d",
            "SYNAPSE_SCHEDULE_PRUNE": "45 4 * * *",
            "SYNAPSE_SCHEDULE_BACKUP_MAX_AGE": "30h",
            "SYNAPSE_SCHEDULE_TIMEZONE": "Europe/Berlin",
            "SYNAPSE_SCHEDULE_JITTER": "30min",
            "SYNAPSE_SCHEDULE_TIME_LIMIT": "2h",
            "SYNAPSE_SCHEDULE_LISTEN": "9184",
            "SYNAPSE_NOTIFY_WEBHOOK": f"https://hooks.example/{SECRET}",
            "SYNAPSE_NOTIFY_PING": f"https://hc.example/{SECRET}/{{job}}",
            **MAIL,
            "SYNAPSE_NOTIFY_SMTP_USERNAME": "synapse",
            "SYNAPSE_NOTIFY_SMTP_PASSWORD_FILE": str(file),
        },
        "here",
    )
    assert [job.name for job in made.jobs] == ["backup", "verify", "forget", "prune"]
    kept = ("--keep-last", "24", "--keep-daily", "7", "--keep-within", "8d")
    assert made.jobs[2].arguments == ("forget", "--yes", "--json", *kept)
    assert made.jobs[0].max_age == timedelta(hours=30)
    assert made.listen == ("127.0.0.1", 9184)
    mail = made.channels.mail
    assert mail
    assert (mail.host, mail.port, mail.password, mail.sender) == (
        "smtp.example",
        587,
        SECRET,
        "ops@example.org",
    )
    assert SECRET not in repr(made)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "SYNAPSE_SCHEDULE_BACKUP"),
        ({"SYNAPSE_SCHEDULE_BACKUP": "at noon"}, "SYNAPSE_SCHEDULE_BACKUP"),
        ({"SYNAPSE_SCHEDULE_BACKUP": "61 * * * *"}, "SYNAPSE_SCHEDULE_BACKUP"),
        ({"SYNAPSE_SCHEDULE_FORGET": "1 1 * * *"}, "SYNAPSE_SCHEDULE_KEEP"),
        *(
            (
                {"SYNAPSE_SCHEDULE_FORGET": "1 1 * * *", "SYNAPSE_SCHEDULE_KEEP": policy},
                "SYNAPSE_SCHEDULE_KEEP",
            )
            for policy in (
                "--keep-last",
                "--keep-last 0",
                "--keep-last x",
                "--keep-within 8",
                "--force",
                "3f2a 7c01",
                "--keep-last 1 --force --keep-daily",
                "'",
            )
        ),
        ({**BACKUP, "SYNAPSE_SCHEDULE_TIMEZONE": "Mars"}, "SYNAPSE_SCHEDULE_TIMEZONE"),
        ({**BACKUP, "SYNAPSE_SCHEDULE_JITTER": "a bit"}, "SYNAPSE_SCHEDULE_JITTER"),
        ({**BACKUP, "SYNAPSE_SCHEDULE_TIME_LIMIT": "0h"}, "SYNAPSE_SCHEDULE_TIME_LIMIT"),
        ({**BACKUP, "SYNAPSE_SCHEDULE_BACKUP_MAX_AGE": "old"}, "SYNAPSE_SCHEDULE_BACKUP_MAX_AGE"),
        ({**BACKUP, "SYNAPSE_SCHEDULE_LISTEN": "99999"}, "SYNAPSE_SCHEDULE_LISTEN"),
        ({**BACKUP, "SYNAPSE_SCHEDULE_LISTEN": "here:port"}, "SYNAPSE_SCHEDULE_LISTEN"),
        ({**BACKUP, "SYNAPSE_NOTIFY_WEBHOOK": f"ftp://{SECRET}"}, "SYNAPSE_NOTIFY_WEBHOOK"),
        ({**BACKUP, "SYNAPSE_NOTIFY_PING": f"{SECRET}"}, "SYNAPSE_NOTIFY_PING"),
        ({**BACKUP, "SYNAPSE_NOTIFY_MAIL_TO": "ops@example.org"}, "SYNAPSE_NOTIFY_SMTP"),
        ({**BACKUP, **MAIL, "SYNAPSE_NOTIFY_MAIL_TO": "ops"}, "SYNAPSE_NOTIFY_MAIL_TO"),
        ({**BACKUP, **MAIL, "SYNAPSE_NOTIFY_MAIL_FROM": "a@b\nBcc: c@d"}, "SYNAPSE_NOTIFY_MAIL_FROM"),
        ({**BACKUP, **MAIL, "SYNAPSE_NOTIFY_SMTP_SECURITY": "no"}, "SYNAPSE_NOTIFY_SMTP_SECURITY"),
        ({**BACKUP, **MAIL, "SYNAPSE_NOTIFY_SMTP_PASSWORD": SECRET}, "SYNAPSE_NOTIFY_SMTP_USERNAME"),
    ],
)
def test_what_cannot_be_is_named(given: dict[str, str], named: str) -> None:
    """One clear sentence with the setting's name, and never a secret."""
    with pytest.raises(SynapseError) as caught:
        schedule_settings(given, "here")
    assert named in caught.value.what + caught.value.hint
    assert SECRET not in caught.value.what + caught.value.hint


def test_a_login_is_never_sent_in_the_clear() -> None:
    """A password with a connection that anybody can read is refused."""
    login = {"SYNAPSE_NOTIFY_SMTP_USERNAME": "me", "SYNAPSE_NOTIFY_SMTP_PASSWORD": SECRET}
    with pytest.raises(SynapseError, match="encrypted"):
        schedule_settings({**BACKUP, **MAIL, **login, "SYNAPSE_NOTIFY_SMTP_SECURITY": "none"}, "here")
