"""The settings of the command: where restore points go."""

from pathlib import Path

import pytest

from app.errors import SynapseError
from pipelines.ops.errors import UsageError
from pipelines.ops.repository import S3Place
from pipelines.ops.repository.place import Lock
from pipelines.ops.settings import load, other_place


@pytest.mark.parametrize(
    ("given", "repository"),
    [
        ({}, "backups"),
        ({"SYNAPSE_REPOSITORY": "/mnt/a"}, "/mnt/a"),
        ({"BACKUPS_DIR": "/mnt/b"}, "backups"),
        ({"SYNAPSE_STACK": "compose"}, "backups"),
        ({"SYNAPSE_STACK": "compose", "BACKUPS_DIR": "/mnt/b"}, "/mnt/b"),
    ],
)
def test_the_repository_is_the_one_that_the_stack_writes_to(given: dict[str, str], repository: str) -> None:
    """With containers it is the folder that is mounted into them; they are told of no other."""
    assert load(given, None).repository == Path(repository)


def test_a_folder_of_the_host_is_not_given_to_containers() -> None:
    """They would look for it in their own file system."""
    with pytest.raises(UsageError) as caught:
        load({"SYNAPSE_STACK": "compose", "SYNAPSE_REPOSITORY": "/mnt/a"}, None)
    assert "BACKUPS_DIR" in caught.value.hint


@pytest.mark.parametrize("stack", ["local", "compose"])
def test_a_place_on_s3(stack: str, tmp_path: Path) -> None:
    """Bucket and prefix, the standard variables, secrets from files; with containers too."""
    (tmp_path / "secret").write_text("hidden\n")
    given = {
        "SYNAPSE_STACK": stack,
        "SYNAPSE_REPOSITORY": "s3://some.bucket/team/one/",
        "AWS_ENDPOINT_URL": "https://not.this",
        "AWS_ENDPOINT_URL_S3": "https://s3.example:9000/",
        "AWS_DEFAULT_REGION": "here",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
    }
    place = load(given, None).repository
    assert isinstance(place, S3Place)
    assert str(place) == "s3://some.bucket/team/one"
    assert place.secret_key
    assert place.secret_key.get_secret_value() == "hidden"
    assert "hidden" not in repr(place)
    assert (place.endpoint, place.region, place.ca) == ("https://s3.example:9000", "here", Path("/ca.pem"))


@pytest.mark.parametrize(
    ("given", "path_style"),
    [
        ({}, False),
        ({"AWS_ENDPOINT_URL": "http://10.0.0.1:9000"}, True),
        ({"AWS_ENDPOINT_URL": "http://10.0.0.1:9000", "SYNAPSE_S3_PATH_STYLE": "false"}, False),
        ({"SYNAPSE_S3_PATH_STYLE": "true"}, True),
    ],
)
def test_path_style_goes_with_an_endpoint(given: dict[str, str], path_style: bool) -> None:
    """Amazon wants the bucket in the name of the host, other stores in the path; either can be asked for."""
    place = load({"SYNAPSE_REPOSITORY": "s3://bucket"} | given, None).repository
    assert isinstance(place, S3Place)
    assert place.path_style is path_style


def test_class_and_lock_of_a_repository_and_of_its_copy() -> None:
    """The lock is the laxer one unless the stricter is asked for; a copy with keys of its own has its own."""
    given = {
        "SYNAPSE_REPOSITORY": "s3://bucket",
        "SYNAPSE_S3_STORAGE_CLASS": "STANDARD_IA",
        "SYNAPSE_S3_OBJECT_LOCK_DAYS": "30",
        "SYNAPSE_COPY_S3_OBJECT_LOCK_DAYS": "7",
        "SYNAPSE_COPY_S3_OBJECT_LOCK_MODE": "COMPLIANCE",
    }
    place = load(given, None).repository
    assert isinstance(place, S3Place)
    assert (place.storage_class, place.lock) == ("STANDARD_IA", Lock(30, "GOVERNANCE"))
    alike = other_place("other", "s3://other", given, None)
    assert isinstance(alike, S3Place)
    assert (alike.storage_class, alike.lock) == ("STANDARD_IA", Lock(30, "GOVERNANCE"))
    apart = other_place("other", "s3://other", given | {"SYNAPSE_COPY_AWS_REGION": "there"}, None)
    assert isinstance(apart, S3Place)
    assert (apart.storage_class, apart.lock) == (None, Lock(7, "COMPLIANCE"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"SYNAPSE_REPOSITORY": "s3://"}, "SYNAPSE_REPOSITORY"),
        ({"SYNAPSE_REPOSITORY": "s3://Bucket/x"}, "SYNAPSE_REPOSITORY"),
        ({"SYNAPSE_REPOSITORY": "s3://bucket/a//b"}, "SYNAPSE_REPOSITORY"),
        ({"SYNAPSE_REPOSITORY": "s3://bucket/a/../b"}, "SYNAPSE_REPOSITORY"),
        ({"SYNAPSE_REPOSITORY": "gs://bucket"}, "SYNAPSE_REPOSITORY"),
        ({"AWS_ENDPOINT_URL_S3": "http://user:hidden@host"}, "AWS_ENDPOINT_URL_S3"),
        ({"SYNAPSE_S3_PATH_STYLE": "maybe"}, "SYNAPSE_S3_PATH_STYLE"),
        ({"SYNAPSE_S3_STORAGE_CLASS": "standard ia"}, "SYNAPSE_S3_STORAGE_CLASS"),
        ({"SYNAPSE_S3_STORAGE_CLASS": "GLACIER"}, "is an archive"),
        ({"SYNAPSE_S3_STORAGE_CLASS": "DEEP_ARCHIVE"}, "is an archive"),
        ({"SYNAPSE_S3_OBJECT_LOCK_DAYS": "0"}, "SYNAPSE_S3_OBJECT_LOCK_DAYS"),
        ({"SYNAPSE_S3_OBJECT_LOCK_DAYS": "a week"}, "SYNAPSE_S3_OBJECT_LOCK_DAYS"),
        ({"SYNAPSE_S3_OBJECT_LOCK_MODE": "GOVERNANCE"}, "SYNAPSE_S3_OBJECT_LOCK_MODE"),
        (
            {"SYNAPSE_S3_OBJECT_LOCK_DAYS": "9", "SYNAPSE_S3_OBJECT_LOCK_MODE": "soft"},
            "SYNAPSE_S3_OBJECT_LOCK_MODE",
        ),
        ({"AWS_SECRET_ACCESS_KEY_FILE": "/nowhere/secret"}, "AWS_SECRET_ACCESS_KEY_FILE"),
        ({"AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SECRET_ACCESS_KEY_FILE": "/x"}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_cannot_be_a_place_on_s3(wrong: dict[str, str], named: str) -> None:
    """The variable is named, and nothing that may be secret is shown."""
    with pytest.raises(SynapseError) as caught:
        load({"SYNAPSE_REPOSITORY": "s3://bucket/x"} | wrong, None)
    assert named in caught.value.what
    assert "hidden" not in f"{caught.value.what} {caught.value.hint}"
