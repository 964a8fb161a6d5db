"""A capture logs in as it is told to, needs few rights, and says what to change when it is not let in."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.stores.memory.address import RedisAddress
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import differences, digest
from pipelines.ops.redis.programs import ServerProgram
from tests.capturing import booted, captured_digest
from tests.certificates import Certificates, made_in
from tests.dataset import Writer, assert_prefix, fill
from tests.servers import LiveServer, answering, live_server
from tests.waiting import wait_until

SECRET = "a password that nobody may see"
FEW_RIGHTS = ("+psync", "+replconf", "+ping")


def _user(server: LiveServer, *rights: str) -> None:
    with server.client() as client:
        call(client, "ACL", "SETUSER", "backup", "on", f">{SECRET}", *rights)


def test_few_rights_are_enough(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """With +psync +replconf +ping the whole data set is captured; only the key counts are not known."""
    fill(live)
    expected = captured_digest(live, scratch, tmp_path / "expected")
    _user(live, *FEW_RIGHTS)
    captured = capture_redis(replace(live.address, username="backup", password=SECRET), tmp_path / "spool")
    source = captured.source(())
    assert (source.server, source.databases) == ("unknown", None)
    assert ["not counted" in note for note in source.notes] == [True]
    with booted(captured, scratch, program=live.program) as copy:
        assert differences(expected, digest(copy.database)) == ()


def test_few_rights_under_writes(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """Without a known offset the cut still lies between commands and behind all that came before."""
    _user(live, *FEW_RIGHTS)
    with Writer(live.client()) as writer:
        wait_until(lambda: writer.acknowledged > 500, "writes arrive")
        acknowledged = writer.acknowledged
        address = replace(live.address, username="backup", password=SECRET)
        captured = capture_redis(address, tmp_path / "spool")
    with booted(captured, scratch, program=live.program) as copy:
        assert_prefix(copy.client, acknowledged)


def test_a_user_without_psync_is_told_so(live: LiveServer, tmp_path: Path) -> None:
    """The sentence names what the server refused and where the rights are listed."""
    _user(live, "+info", "+ping", "+replconf")
    with pytest.raises(UnreachableError) as caught:
        capture_redis(replace(live.address, username="backup", password=SECRET), tmp_path / "spool")
    assert "psync" in caught.value.what.lower()
    assert "README" in caught.value.hint
    assert SECRET not in _everything(caught.value)


@pytest.mark.parametrize("username", [None, "default", "nobody"])
def test_a_wrong_password_is_named_not_shown(live: LiveServer, tmp_path: Path, username: str | None) -> None:
    """The remedy names REDIS_PASSWORD; the password is nowhere in the error or its causes."""
    with pytest.raises(UnreachableError) as caught:
        capture_redis(replace(live.address, username=username, password=SECRET), tmp_path / "spool")
    assert "REDIS_PASSWORD" in caught.value.hint
    assert SECRET not in _everything(caught.value)


def test_a_missing_password_is_named(live: LiveServer, tmp_path: Path) -> None:
    """A server that wants one says NOAUTH."""
    with pytest.raises(UnreachableError) as caught:
        capture_redis(replace(live.address, password=None), tmp_path / "spool")
    assert "REDIS_PASSWORD" in caught.value.hint


def test_a_server_that_repeats_the_password(tmp_path: Path) -> None:
    """What does not know AUTH repeats what it was sent; the error does not."""
    answer = f"-ERR unknown command 'AUTH', with args beginning with: '{SECRET}'\r\n"
    with answering(answer.encode()) as port, pytest.raises(OpsError) as caught:
        capture_redis(RedisAddress("127.0.0.1", port, password=SECRET), tmp_path / "spool")
    assert SECRET not in f"{caught.value.what} {caught.value.hint}"
    assert "unknown command" in caught.value.what


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Make an authority and a server certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    return made_in(tmp_path / "certificates")


@pytest.fixture
def over_tls(program: ServerProgram, certificates: Certificates, tmp_path: Path) -> Iterator[LiveServer]:
    """Run a server that speaks TLS alone."""
    if b"SSL_CTX_new" not in program.path.read_bytes():
        pytest.skip(f"{program.version} is built without TLS here")
    lines = (
        f'tls-cert-file "{certificates.certificate}"',
        f'tls-key-file "{certificates.key}"',
        f'tls-ca-cert-file "{certificates.authority}"',
        "tls-auth-clients no",
    )
    with live_server(program, tmp_path / "tls", *lines, tls_ca=certificates.authority) as server:
        yield server


def test_capture_over_tls(over_tls: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """Under full-speed writes too."""
    fill(over_tls, small_keys=20_000)
    with Writer(over_tls.client()) as writer:
        wait_until(lambda: writer.acknowledged > 500, "writes arrive")
        acknowledged = writer.acknowledged
        captured = capture_redis(over_tls.address, tmp_path / "spool")
    with booted(captured, scratch) as copy:
        assert_prefix(copy.client, acknowledged)


def test_another_authority_is_refused(over_tls: LiveServer, tmp_path: Path) -> None:
    """A certificate that another authority signed is not trusted, and the setting is named."""
    other = made_in(tmp_path / "other").authority
    with pytest.raises(UnreachableError) as caught:
        capture_redis(replace(over_tls.address, tls_ca=other), tmp_path / "spool")
    assert "REDIS_TLS_CA" in caught.value.hint


def _everything(error: BaseException) -> str:
    """Return all that an error and its causes say."""
    said = [str(error), repr(error), str(vars(error))]
    causes = (error.__cause__, error.__context__)
    said.extend(_everything(cause) for cause in causes if cause is not None and cause is not error)
    return "\n".join(said)
