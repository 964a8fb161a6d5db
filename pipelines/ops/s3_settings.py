"""The settings of a repository on S3: the standard AWS variables, with secrets as files."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from app.settings import secret
from pipelines.ops.errors import UsageError
from pipelines.ops.repository.place import Lock, S3Place

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_ADDRESS = re.compile(r"https?://[^\s/@?#]+(/[^\s@?#]*)?")
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")
_CLASS = re.compile(r"[A-Z][A-Z0-9_]{0,40}")
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_MOST_DAYS = 36_500


def s3_place(name: str, value: str, given: Mapping[str, str]) -> S3Place:
    """Read `s3://bucket/prefix` and what belongs to it; `name` is the variable that said it.

    Raises SynapseError that names the variable. A store that is not Amazon's is addressed by path.
    """
    bucket, _, rest = value.removeprefix(SCHEME).partition("/")
    prefix = rest.strip("/")
    parts = prefix.split("/") if prefix else []
    usable = not prefix or (_PREFIX.fullmatch(prefix) and not {"", ".", ".."} & set(parts))
    if not (_BUCKET.fullmatch(bucket) and usable):
        raise UsageError(
            f"{name}={value} is no place on S3.",
            "Write s3://bucket/prefix, of letters, digits, '.', '_', '-' and, in the prefix, '/'.",
        )
    endpoint = _endpoint(given)
    return S3Place(
        bucket=bucket,
        prefix=prefix,
        endpoint=endpoint,
        region=given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION"),
        path_style=_flag("SYNAPSE_S3_PATH_STYLE", given, default=endpoint is not None),
        ca=Path(given["AWS_CA_BUNDLE"]) if given.get("AWS_CA_BUNDLE") else None,
        access_key=_secret("AWS_ACCESS_KEY_ID", given),
        secret_key=_secret("AWS_SECRET_ACCESS_KEY", given),
        session_token=_secret("AWS_SESSION_TOKEN", given),
        storage_class=_storage_class(given),
        lock=_lock(given),
    )


def _storage_class(given: Mapping[str, str]) -> str | None:
    """Read SYNAPSE_S3_STORAGE_CLASS; other stores have other classes than Amazon's."""
    name = "SYNAPSE_S3_STORAGE_CLASS"
    value = given.get(name)
    if value is None:
        return None
    if not _CLASS.fullmatch(value):
        raise UsageError(f"{name}={value} is no class.", "Set it to one of the store's, such as STANDARD_IA.")
    if value in _ARCHIVES:
        raise UsageError(
            f"{name}={value} is an archive: what is in it takes hours to be read, so that nothing could be"
            " restored, verified, proven or copied at once.",
            "Set it to STANDARD_IA or GLACIER_IR, or copy the bucket into an archive by a rule of the store.",
        )
    return value


def _lock(given: Mapping[str, str]) -> Lock | None:
    """Read SYNAPSE_S3_OBJECT_LOCK_DAYS and SYNAPSE_S3_OBJECT_LOCK_MODE."""
    days, mode = given.get("SYNAPSE_S3_OBJECT_LOCK_DAYS"), given.get("SYNAPSE_S3_OBJECT_LOCK_MODE")
    if days is None:
        if mode is not None:
            raise UsageError(
                f"SYNAPSE_S3_OBJECT_LOCK_MODE={mode} locks nothing.", "Set SYNAPSE_S3_OBJECT_LOCK_DAYS too."
            )
        return None
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= _MOST_DAYS):
        raise UsageError(
            f"SYNAPSE_S3_OBJECT_LOCK_DAYS={days} is no number of days.", f"Set it to 1 to {_MOST_DAYS}."
        )
    match mode:
        case None | "GOVERNANCE":
            return Lock(int(days), "GOVERNANCE")
        case "COMPLIANCE":
            return Lock(int(days), "COMPLIANCE")
    raise UsageError(f"SYNAPSE_S3_OBJECT_LOCK_MODE={mode} is no mode.", "Set it to GOVERNANCE or COMPLIANCE.")


def _endpoint(given: Mapping[str, str]) -> str | None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        value = given.get(name)
        if value and not _ADDRESS.fullmatch(value):
            # Not shown: it may have a password in it.
            raise UsageError(f"{name} is no address.", "Set it to one such as https://s3.example:9000.")
        if value:
            return value.rstrip("/")
    return None


def _flag(name: str, given: Mapping[str, str], *, default: bool) -> bool:
    value = given.get(name, "").lower()
    if not value:
        return default
    if value not in _YES + _NO:
        raise UsageError(f"{name}={value} is neither yes nor no.", "Set it to true or false.")
    return value in _YES


def _secret(name: str, given: Mapping[str, str]) -> SecretStr | None:
    value = secret(name, given)
    return SecretStr(value) if value else None
