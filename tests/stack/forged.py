"""What may be shown to production in vain: tokens and cookies that are not its own, or no longer good."""

import secrets
from datetime import UTC, datetime, timedelta

from app.api.credentials import COOKIE, LIFETIME, Credentials


def forged(token: str) -> dict[str, dict[str, str]]:
    """Return the headers of each kind of what is not the token, nor a cookie that is good for it."""
    now = datetime.now(UTC)
    good = _session(token, now)
    expires, _, seal = good.partition(".")
    bearers = {
        "another token": secrets.token_hex(24),
        "the token but for its end": token[:-1],
        "no token": "none",
    }
    cookies = {
        "a cookie that has ended": _session(token, now - LIFETIME - timedelta(seconds=1)),
        "a cookie of another token": _session(secrets.token_hex(24), now),
        "a cookie that was made longer": f"{int(expires) + 86_400}.{seal}",
        "a cookie with another seal": f"{expires}.{'0' * len(seal)}",
        "a cookie without a seal": f"{expires}.",
        "the token as a cookie": token,
    }
    found = {name: {"Authorization": f"Bearer {value}"} for name, value in bearers.items()}
    found |= {name: _cookie(value) for name, value in cookies.items()}
    found["the token of another scheme"] = {"Authorization": f"Basic {token}"}
    found["a good cookie beside another token"] = found["another token"] | _cookie(good)
    return found


def signed_in(token: str) -> dict[str, str]:
    """Return the header of a browser that has just signed in with the token."""
    return _cookie(_session(token, datetime.now(UTC)))


def _session(token: str, at: datetime) -> str:
    """Return the cookie that a service with that token gave at that time."""
    return Credentials(token, lambda: at).session()


def _cookie(value: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={value}"}
