"""Where a request comes from and which name it was sent to, as a browser tells it."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_PORT_DIGITS = 5


def is_ours(headers: Headers, hosts: Collection[str]) -> bool:
    """Say whether the one Host header, without its port, is among `hosts`.

    A page whose name was made to point at this machine (DNS rebinding) sends its own name here.
    """
    given = headers.getlist("host")
    return len(given) == 1 and _name(given[0]) in hosts


def is_from_ours(headers: Headers, origins: Collection[str], *, told: bool) -> bool:
    """Say whether a page of this host or of `origins` sent it, by Origin, else by Sec-Fetch-Site.

    Every browser sends one of them with what changes something. With `told`, silence is refused.
    """
    given = headers.getlist("origin")
    if given:
        return len(given) == 1 and (
            given[0] in origins or _place(given[0]) == headers.get("host", "").lower()
        )
    site = headers.get("sec-fetch-site")
    return not told if site is None else site == "same-origin"


def _name(host: str) -> str | None:
    name, colon, port = host.lower().rpartition(":")
    if not colon or port.endswith("]"):
        return host.lower()
    return name if port.isdecimal() and len(port) <= _PORT_DIGITS else None


def _place(origin: str) -> str | None:
    """Return the host and port of an origin; None for `null` and for what is none."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return None
    return parts.netloc if parts.scheme in {"http", "https"} and parts.netloc else None
