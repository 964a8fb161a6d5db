"""Ask a registry which digest a tag has now, by the OCI distribution API, as anybody may ask it."""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import httpx

from pipelines.ops.errors import NothingError, OpsError, UnreachableError

_HUB = "registry-1.docker.io"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TIMEOUT_S = 20.0
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HEADERS = {"User-Agent": "synapse-pins", "Accept": ", ".join(_KINDS)}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HINT = "Nothing was changed. Look at name and tag in deploy/pins.toml, and at the way out of this machine."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies: the registry's address, and the repository's name there."""

    url: str
    repository: str
    loopback: bool


def place_of(image: str) -> Place:
    """Say where Docker looks for an image of that name; a registry on this machine is asked without TLS."""
    first, slash, rest = image.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        loopback = urlsplit(f"//{first}").hostname in _LOOPBACK
        return Place(f"{'http' if loopback else 'https'}://{first}", rest, loopback)
    return Place(f"https://{_HUB}", image if slash else f"library/{image}", loopback=False)


def digest_of(image: str, tag: str) -> str:
    """Return the digest that a tag has in its registry now. Raises OpsError; nothing is kept or changed."""
    place = place_of(image)
    called = f"{image}:{tag}"
    try:
        with httpx.Client(headers=_HEADERS, timeout=_TIMEOUT_S, trust_env=not place.loopback) as client:
            return _asked(client, place, f"{place.url}/v2/{place.repository}/manifests/{tag}", called)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"The registry of {called} cannot be asked at {place.url}: {error}", _HINT
        ) from error


def _asked(client: httpx.Client, place: Place, url: str, called: str) -> str:
    answer = client.head(url)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        client.headers["Authorization"] = f"Bearer {_token(client, place, answer, called)}"
        answer = client.head(url)
    _look_at(answer, called)
    digest = answer.headers.get("Docker-Content-Digest")
    if digest is None:
        # The header is only recommended; the digest is that of the manifest's bytes.
        body = client.get(url)
        _look_at(body, called)
        digest = f"sha256:{hashlib.sha256(body.content).hexdigest()}"
    if not _DIGEST.fullmatch(digest):
        raise OpsError(f"The registry of {called} gives {digest[:100]!r} for its digest.", _HINT)
    return str(digest)


def _look_at(answer: httpx.Response, called: str) -> None:
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NothingError(f"The registry does not have {called}.", _HINT)
    if answer.status_code != httpx.codes.OK:
        raise OpsError(
            f"The registry of {called} answers {answer.status_code} {answer.reason_phrase}.",
            "Nothing was changed. With 429 wait an hour; with 401 or 403 the image is not for everybody.",
        )


def _token(client: httpx.Client, place: Place, answer: httpx.Response, called: str) -> str:
    """Fetch a token for nobody in particular where the registry says that they are given."""
    kind, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
    asked = parse_keqv_list(parse_http_list(rest)) if kind.lower() == "bearer" else {}
    realm = asked.pop("realm", "")
    if not (realm.startswith("https://") or (place.loopback and realm.startswith("http://"))):
        raise OpsError(
            f"The registry of {called} wants a login, and names no safe place to get a token.", _HINT
        )
    given = client.get(realm, params={key: asked[key] for key in ("service", "scope") if key in asked})
    _look_at(given, called)
    try:
        document = given.json()
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError) as error:
        raise OpsError(f"{realm} gives no token for {called}.", _HINT) from error
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
        raise OpsError(f"{realm} gives no token for {called}.", _HINT)
    return token
