"""A repository on S3: what an operator reads when it cannot be used, and whose objects are whose."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.ops.errors import ExitCode, OpsError, UnreachableError, UsageError
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.repository.s3_patience import Patience
from pipelines.ops.repository.store import ArchivedError, Stored, StoreFullError
from pipelines.ops.settings import load
from tests.certificates import made_in
from tests.ports import free_port
from tests.s3.between import refusing
from tests.s3.versitygw import BUCKET, S3Server, s3_server, store_of


def refusal(environ: dict[str, str]) -> OpsError:
    """Return what reading the config says."""
    with pytest.raises(OpsError) as caught:
        Repository.open(store_of(environ, patience=Patience(tries=1)))
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
    [(403, "QuotaExceeded", StoreFullError), (403, "InvalidObjectState", ArchivedError)],
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
