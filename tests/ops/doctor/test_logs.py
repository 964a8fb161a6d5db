"""Which lines of a log are errors, in the words of the servers that wrote them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.ops.doctor.check import State, Subject
from pipelines.ops.doctor.logs import judge_log
from tests.nginx.conftest import NO_NGINX
from tests.nginx.front import front
from tests.nginx.programs import PROGRAMS
from tests.ops.doctor.installation import says, subject_of
from tests.ports import free_port


def _subject(folder: Path, *, later: timedelta = timedelta()) -> Subject:
    return subject_of(folder, datetime.now(UTC) + later)


@pytest.mark.skipif(not PROGRAMS, reason=NO_NGINX)
def test_what_nginx_writes_of_a_lost_backend_is_an_error(tmp_path: Path) -> None:
    """For a day; what it was asked is none."""
    with front(free_port()) as web:
        for _ in range(3):
            web.ask("/api/documents")
        asked, errors = (web.folder / "stdout").read_text(), web.errors()
    lines = [*asked.splitlines(), *errors.splitlines()]
    found = judge_log(_subject(tmp_path), "nginx", lines, "Read it.")
    says(found, State.AMBER, "3 errors", "Connection refused", "Read it.")
    assert judge_log(_subject(tmp_path, later=timedelta(hours=25)), "nginx", lines, "").state is State.GREEN


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("{now} [warn] 30#30: *5 limiting requests, excess: 9.9 by zone", State.GREEN),
        ("{now} [crit] 30#30: *7 open() failed (13: Permission denied)", State.AMBER),
        ("{now} [emerg] 1#1: host not found in upstream", State.AMBER),
        ('nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3', State.AMBER),
        ("{now} [error] but not in nginx's form", State.GREEN),
    ],
)
def test_the_level_decides(tmp_path: Path, line: str, state: State) -> None:
    """Warnings are none; what stops it from starting is one, though it has no time."""
    subject = _subject(tmp_path)
    now = f"{subject.now().astimezone():%Y/%m/%d %H:%M:%S}"
    assert judge_log(subject, "nginx", [line.format(now=now)], "").state is state
