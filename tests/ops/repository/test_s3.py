"""A repository on S3: what an operator reads when it cannot be used, what a bad network does to values."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from pipelines.ops.errors import ExitCode, OpsError, UnreachableError, UsageError
from pipelines.ops.repository import ObjectStore, Repository, S3Place, store_at
from pipelines.ops.repository.s3_client import TRIES, opened
from pipelines.ops.repository.store import KeyTakenError, Stored, StoreFullError, UnreadableError
from pipelines.ops.settings import load
from tests.certificates import made_in
from tests.s3.between import Answer, Spoil, refusing, spoiled, unconditional
from tests.s3.versitygw import BUCKET, S3Server, s3_server
from tests.servers import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for all tests; each has a prefix of its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def place(server: S3Server) -> dict[str, str]:
    """Return the settings of an empty repository."""
    return server.environ(f"t{uuid4().hex}")


def store_of(environ: dict[str, str], *, tries: int = TRIES, said: list[str] | None = None) -> ObjectStore:
    """Return the store that settings name."""
    where = load(environ, None).repository
    assert isinstance(where, S3Place)
    return opened(where, (said if said is not None else []).append, tries=tries)


def refusal(environ: dict[str, str], *, tries: int = 1) -> OpsError:
    """Return what reading the config says."""
    with pytest.raises(OpsError) as caught:
        Repository.open(store_of(environ, tries=tries))
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert environ.get(name, "-" * 80) not in f"{caught.value!r} {caught.value.__cause__!r}"
    return caught.value


@pytest.mark.parametrize(
    ("wrong", "what", "hint"),
    [
        ({"SYNAPSE_REPOSITORY": "s3://elsewhere/x"}, "there is no bucket elsewhere", "SYNAPSE_REPOSITORY"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "credentials (SignatureDoesNotMatch)", "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not take these credentials", "AWS_ACCESS_KEY_ID"),
        ({"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}, "cannot be reached", "AWS_ENDPOINT"),
    ],
)  # fmt: skip  # one line a case
def test_what_a_real_store_refuses(
    place: dict[str, str], wrong: dict[str, str], what: str, hint: str
) -> None:
    """Each is a sentence with place and remedy, and the code for what is not reached."""
    error = refusal(place | wrong)
    assert what in error.what
    assert hint in error.hint
    assert "s3://" in error.what
    assert (place | wrong)["AWS_ENDPOINT_URL_S3"] in error.what
    assert error.code == ExitCode.UNREACHABLE


def test_a_bucket_that_is_missing_is_not_a_missing_value(place: dict[str, str]) -> None:
    """HEAD says nothing of why; whoever asks for a size must not be told that there is room for a new one."""
    with pytest.raises(UnreachableError, match="no bucket elsewhere"):
        store_of(place | {"SYNAPSE_REPOSITORY": "s3://elsewhere/x"}).size("config")


@pytest.mark.parametrize(
    ("status", "code", "what", "hint"),
    [
        (403, "AccessDenied", "access is denied", "s3:ListBucket"),
        (403, "RequestTimeTooSkewed", "clock", "clock"),
        (503, "SlowDown", "slow down", "later"),
        (301, "PermanentRedirect", "region eu-south-7", "AWS_REGION=eu-south-7"),
        (418, "Teapot", "As the test wants it", "log of the store"),
    ],
)
def test_what_other_stores_refuse(
    place: dict[str, str], status: int, code: str, what: str, hint: str
) -> None:
    """What the real store at hand never says has its words and the same code."""
    headers = {"x-amz-bucket-region": "eu-south-7"} if status == 301 else {}
    with refusing(status, code, headers) as address:
        error = refusal(place | {"AWS_ENDPOINT_URL_S3": address})
    assert what in error.what
    assert hint in error.hint
    assert error.code == ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(403, "QuotaExceeded", StoreFullError), (403, "InvalidObjectState", UnreadableError)],
)
def test_kinds_of_refusal(place: dict[str, str], status: int, code: str, kind: type[OpsError]) -> None:
    """A full store and an archived object are told from a store that is not reached."""
    with refusing(status, code) as address:
        assert type(refusal(place | {"AWS_ENDPOINT_URL_S3": address})) is kind


def test_a_certificate_is_checked(tmp_path: Path) -> None:
    """An unknown authority is refused with the variable to set; with it the store is used over TLS."""
    certificates = made_in(tmp_path / "certificates")
    with s3_server(tmp_path / "s3", certificates) as server:
        place = server.environ("tls")
        store = store_of(place)
        store.put("config", b"over TLS")
        assert store.get("config", limit=100) == b"over TLS"
        del place["AWS_CA_BUNDLE"]
        error = refusal(place)
    assert "certificate" in error.what
    assert "AWS_CA_BUNDLE" in error.hint
    assert error.code == ExitCode.UNREACHABLE


def once(spoil: Callable[[Answer], Answer | None], method: str, times: int = 1) -> Spoil:
    """Spoil the first answers to a method whose status is 200."""
    left = [times]

    def change(called: str, path: str, answer: Answer) -> Answer | None:
        if called != method or answer.status != 200 or "list-type" in path or not left[0]:
            return answer
        left[0] -= 1
        return spoil(answer)

    return change


def _cut(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, answer.body, sent=len(answer.body) // 2)


def _flipped(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, bytes([answer.body[0] ^ 1]) + answer.body[1:])


@pytest.mark.parametrize("spoil", [_cut, _flipped, lambda _answer: None])
def test_a_spoiled_value_is_asked_for_again(
    server: S3Server, place: dict[str, str], spoil: Callable[[Answer], Answer | None]
) -> None:
    """A body that breaks off, has a wrong byte, or never comes is never taken for the value."""
    value = bytes(range(256)) * 4000
    store_of(place).put("objects/aa/one", value)
    with spoiled(server.endpoint, once(spoil, "GET")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        assert store.get("objects/aa/one", limit=len(value)) == value


@pytest.mark.parametrize(("spoil", "kind"), [(_cut, UnreachableError), (_flipped, UnreadableError)])
def test_a_value_that_stays_spoiled_is_an_error(
    server: S3Server, place: dict[str, str], spoil: Callable[[Answer], Answer | None], kind: type[OpsError]
) -> None:
    """After all tries it is said: a bad line for what breaks off, damage for what has a wrong sum."""
    store_of(place).put("config", b"0123456789")
    with spoiled(server.endpoint, once(spoil, "GET", times=100)) as address:
        with pytest.raises(kind) as caught:
            store_of(place | {"AWS_ENDPOINT_URL_S3": address}).get("config", limit=100)
        assert "config" in caught.value.what


def test_a_put_whose_answer_is_lost_is_ours(server: S3Server, place: dict[str, str]) -> None:
    """The second try finds the key taken by the first; a value of another is still a conflict."""
    with spoiled(server.endpoint, once(lambda _answer: None, "PUT")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        store.put("config", b"ours")
        with pytest.raises(KeyTakenError):
            store.put("config", b"other")
    assert store_of(place).get("config", limit=10) == b"ours"


def test_a_put_whose_answer_is_lost_may_be_another_s(server: S3Server, place: dict[str, str]) -> None:
    """What is found by the second try is compared: another machine was first."""

    def overtaken(_answer: Answer) -> None:
        store_of(place).put("config", b"theirs", replace=True)

    with spoiled(server.endpoint, once(overtaken, "PUT")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        with pytest.raises(KeyTakenError):
            store.put("config", b"oursss")
    assert store_of(place).get("config", limit=10) == b"theirs"


def test_looking_whether_it_can_be_written_leaves_no_object(server: S3Server, place: dict[str, str]) -> None:
    """The probe is taken away, also from where no listing of ours shows it."""
    store_of(place).check_writable()
    prefix = server.bucket_folder / place["SYNAPSE_REPOSITORY"].rpartition("/")[2]
    assert not [path for path in prefix.rglob("*") if path.is_file()]


def _refuse_puts(code: int, name: str) -> Spoil:
    def change(method: str, _path: str, answer: Answer) -> Answer:
        if method != "PUT":
            return answer
        return Answer(code, {}, f"<Error><Code>{name}</Code></Error>".encode())

    return change


def test_a_store_without_conditions_says_so_once(server: S3Server, place: dict[str, str]) -> None:
    """It is looked at first and written without a condition; a taken key is a conflict all the same."""
    said: list[str] = []
    with unconditional(server.endpoint) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address}, said=said)
        store.put("config", b"first")
        store.put("points/one", b"second")
        with pytest.raises(KeyTakenError):
            store.put("config", b"third")
    assert len(said) == 1
    assert "conditional puts" in said[0]
    assert store_of(place).get("config", limit=10) == b"first"
    assert store_of(place).get("points/one", limit=10) == b"second"


def test_creators_that_stay_in_a_race_end(server: S3Server, place: dict[str, str]) -> None:
    """A store that always says that another is just writing is given up on, with words."""
    with spoiled(server.endpoint, _refuse_puts(409, "ConditionalRequestConflict")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        with pytest.raises(OpsError, match="at the same moment"):
            store.put("points/busy", b"")


def test_a_long_listing_comes_in_pages(server: S3Server, place: dict[str, str]) -> None:
    """More keys than one answer holds are all there, in order; what is not ours among them is left out."""
    prefix = place["SYNAPSE_REPOSITORY"].rpartition("/")[2]
    folder = server.bucket_folder / prefix / "objects" / "aa"
    folder.mkdir(parents=True)
    for number in range(2100):
        (folder / f"{number:05}").write_bytes(b"x" * (number % 7))
    (folder / "not ours").write_text("a name that no key has")
    found = list(store_of(place).list("objects/"))
    assert found == [Stored(f"objects/aa/{number:05}", number % 7) for number in range(2100)]


def test_neighbours_in_the_bucket_are_apart(server: S3Server, place: dict[str, str]) -> None:
    """A prefix that begins as ours does is another repository."""
    store_of(place).put("config", b"ours")
    other = store_of(place | {"SYNAPSE_REPOSITORY": place["SYNAPSE_REPOSITORY"] + "-old"})
    other.put("config", b"theirs")
    assert [one.key for one in store_of(place).list()] == ["config"]
    assert (server.bucket_folder / place["SYNAPSE_REPOSITORY"].removeprefix(f"s3://{BUCKET}/")).is_dir()


def test_one_of_many_machines_makes_the_repository(place: dict[str, str]) -> None:
    """Each has its own connection; all open the same repository."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Repository.open_or_create(store_of(place)), range(8)))
    assert len({repository.config.id for repository in made}) == 1


def test_no_credentials_is_a_setting(place: dict[str, str]) -> None:
    """Nothing is asked of a store without a key: a child, so that this machine's own AWS is not asked."""
    del place["AWS_ACCESS_KEY_ID"], place["AWS_SECRET_ACCESS_KEY"]
    alone = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", "points", "list"],
        env=place | alone, capture_output=True, text=True, check=False,
    )  # fmt: skip  # one line for what is run
    assert done.returncode == ExitCode.USAGE
    assert "no credentials" in done.stderr
    assert "AWS_ACCESS_KEY_ID" in done.stderr


def test_boto3_is_imported_for_s3_alone(place: dict[str, str], tmp_path: Path) -> None:
    """Whoever keeps restore points in a folder neither needs it nor waits for it."""
    program = (
        "import os, sys\n"
        "import pipelines.ops.cli.main\n"
        "from pipelines.ops.repository import store_at\n"
        "from pipelines.ops.settings import load\n"
        "store_at(load(os.environ, None).repository)\n"
        "print('boto3' in sys.modules, 'botocore' in sys.modules)\n"
    )
    for environ, imported in ((place, "True True"), ({"SYNAPSE_REPOSITORY": str(tmp_path)}, "False False")):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == imported


def test_a_missing_boto3_is_one_sentence(place: dict[str, str]) -> None:
    """With the command that installs it, and the code of a setting that cannot be used."""
    program = (
        "import sys\n"
        "sys.modules['boto3'] = None\n"
        "sys.argv = ['synapse', 'points', 'list']\n"
        "from pipelines.ops.cli.main import run\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert "boto3, which is not installed" in done.stderr
    assert f"{sys.executable} -m pip install --require-hashes -r requirements-s3.lock" in done.stderr


def test_an_unreadable_authority_is_a_setting(place: dict[str, str]) -> None:
    """The file is looked at before anything is sent."""
    with pytest.raises(UsageError, match="AWS_CA_BUNDLE"):
        store_at(load(place | {"AWS_CA_BUNDLE": "/nowhere/ca.pem"}, None).repository)
