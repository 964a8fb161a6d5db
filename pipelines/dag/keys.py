"""What lets a container into S3: the variables and files that `synapse` on this machine would read."""

from collections.abc import Mapping

import dagger
from dotenv import dotenv_values

from pipelines.dag.session import Session

_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PLAIN = ("AWS_REGION", "AWS_DEFAULT_REGION", "SYNAPSE_S3_PATH_STYLE")
_TRUSTED = "AWS_CA_BUNDLE"
_FOLDER = "/run/secrets"


def let_in(session: Session, container: dagger.Container) -> dagger.Container:
    """Return a container with the region, the trusted certificates and the keys; each key is a secret."""
    given = _given(session)
    for name in _PLAIN:
        if given.get(name):
            container = container.with_env_variable(name, given[name])
    if given.get(_TRUSTED):
        bundle = session.client.host().file(str(session.folder / given[_TRUSTED]))
        container = container.with_mounted_file("/run/trusted.pem", bundle, owner="1000:1000")
        container = container.with_env_variable(_TRUSTED, "/run/trusted.pem")
    for name in _SECRET:
        container = _with_key(session, container, name, given)
    return container


def _with_key(
    session: Session, container: dagger.Container, name: str, given: Mapping[str, str]
) -> dagger.Container:
    """Lay a key in as it is given: as the file that NAME_FILE names, or as the variable NAME."""
    file = given.get(f"{name}_FILE")
    if file:
        secret = session.client.secret(f"file://{session.folder / file}")
        inside = f"{_FOLDER}/{name.lower()}"
        container = container.with_mounted_secret(inside, secret, owner="1000:1000", mode=0o400)
        return container.with_env_variable(f"{name}_FILE", inside)
    if session.environ.get(name):
        return container.with_secret_variable(name, session.client.secret(f"env://{name}"))
    if given.get(name):
        secret = session.client.set_secret(f"{name}-{session.run_id}", given[name])
        return container.with_secret_variable(name, secret)
    return container


def _given(session: Session) -> dict[str, str]:
    """Return the variables of `.env` and of the environment, which count more; an empty one is none."""
    written = {name: value for name, value in dotenv_values(session.folder / ".env").items() if value}
    return written | {name: value for name, value in session.environ.items() if value}
