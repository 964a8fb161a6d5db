"""Settings and keys as `synapse` on this machine would read them; what lets a container into a repository."""

from collections.abc import Mapping
from pathlib import Path

import dagger
from dotenv import dotenv_values

from pipelines.dag.session import Session

_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PLAIN = ("AWS_REGION", "AWS_DEFAULT_REGION", "SYNAPSE_S3_PATH_STYLE")
_PASSPHRASE = "SYNAPSE_PASSPHRASE"  # noqa: S105  # the name of a variable
_TRUSTED = "AWS_CA_BUNDLE"
_FOLDER = "/run/secrets"


def let_in(session: Session, container: dagger.Container) -> dagger.Container:
    """Return a container with the region, the trusted certificates and the keys; each key is a secret."""
    told = given(session)
    for name in _PLAIN:
        if told.get(name):
            container = container.with_env_variable(name, told[name])
    if told.get(_TRUSTED):
        bundle = session.client.host().file(str(session.folder / told[_TRUSTED]))
        container = container.with_mounted_file("/run/trusted.pem", bundle, owner="1000:1000")
        container = container.with_env_variable(_TRUSTED, "/run/trusted.pem")
    for name in _SECRET:
        container = _with_key(session, container, name, told)
    return container


def unlocking(session: Session, container: dagger.Container) -> dagger.Container:
    """Return a container with the passphrase of an encrypted repository, where there is one, as a secret."""
    return _with_key(session, container, _PASSPHRASE, given(session))


def key_of(session: Session, name: str, told: Mapping[str, str]) -> dagger.Secret | None:
    """Return a key as it is given: in the file that NAME_FILE names, or in NAME; an empty file is none."""
    file = told.get(f"{name}_FILE")
    if file:
        path = session.folder / file
        return session.client.secret(f"file://{path}") if _is_not_empty(path) else None
    if session.environ.get(name):
        return session.client.secret(f"env://{name}")
    if told.get(name):
        return session.client.set_secret(f"{name}-{session.run_id}", told[name])
    return None


def given(session: Session) -> dict[str, str]:
    """Return the variables of `.env` and of the environment, which count more; an empty one is none."""
    written = {name: value for name, value in dotenv_values(session.folder / ".env").items() if value}
    return written | {name: value for name, value in session.environ.items() if value}


def _with_key(
    session: Session, container: dagger.Container, name: str, told: Mapping[str, str]
) -> dagger.Container:
    """Lay a key in as it is given: as a file, or as a variable."""
    secret = key_of(session, name, told)
    if secret is None:
        return container
    if not told.get(f"{name}_FILE"):
        return container.with_secret_variable(name, secret)
    inside = f"{_FOLDER}/{name.lower()}"
    container = container.with_mounted_secret(inside, secret, owner="1000:1000", mode=0o400)
    return container.with_env_variable(f"{name}_FILE", inside)


def _is_not_empty(path: Path) -> bool:
    """Say whether there is something in a file; one that cannot be read is left for the engine to tell of."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return True
