"""The password of the stack's Redis: the one that is set, or one made once and kept for its owner alone."""

import os
import secrets
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from pipelines.ops.errors import OpsError, UsageError
from pipelines.ops.settings import OpsSettings

_MODE = 0o600
_BYTES = 32


def with_password(settings: OpsSettings) -> OpsSettings:
    """Return the settings with a Redis password, made and kept in the data folder when none is set."""
    given = settings.service.redis_password
    if given is not None and given.get_secret_value():
        return settings
    password = _kept(settings.password_file)
    service = settings.service.model_copy(update={"redis_password": SecretStr(password)})
    return replace(settings, service=service)


def _kept(path: Path) -> str:
    try:
        if not path.exists():
            _make(path)
        password = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(
            f"The password file {path} cannot be used ({error}).", "Run as its owner, or set REDIS_PASSWORD."
        ) from error
    if not password:
        raise UsageError(f"The password file {path} is empty.", "Remove it, or write a password into it.")
    return password


def _make(path: Path) -> None:
    """Write a password beside, then link it into place, so that it is whole and nobody's is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    finally:
        beside.unlink()
