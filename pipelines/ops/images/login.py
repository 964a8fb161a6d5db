"""Who pushes: a name and a password from a file, never from the command line."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.ops.errors import UsageError

_REMEDY = "Give a file with one line `name:password`, or one that `docker login` wrote without a helper."
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password; the password shows nowhere."""

    name: str
    password: str = field(repr=False)


def read_login(path: Path, host: str) -> Login:
    """Read the login for a registry. Raises UsageError that names the file, never what is in it."""
    try:
        text = path.read_bytes()[:_LARGEST].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The login file {path} cannot be read ({type(error).__name__}).", _REMEDY) from None
    pair = _of_docker(text, host, path) if text.startswith("{") else text
    name, colon, password = pair.partition(":")
    if not (name and colon and password) or "\n" in pair:
        raise UsageError(f"The login file {path} holds no name and password for {host}.", _REMEDY)
    return Login(name, password)


def _of_docker(text: str, host: str, path: Path) -> str:
    try:
        known = json.loads(text).get("auths", {})
        by_host = {key.removeprefix("https://").split("/")[0]: entry for key, entry in known.items()}
        encoded = by_host.get(host, {}).get("auth", "")
        return base64.b64decode(encoded, validate=True).decode()
    except (ValueError, AttributeError, binascii.Error):
        raise UsageError(f"The login file {path} is not what `docker login` writes.", _REMEDY) from None
