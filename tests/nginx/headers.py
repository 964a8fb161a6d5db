"""The headers that every answer carries, once."""

from tests.nginx.answers import Answer

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "nginx",
}


def check(answer: Answer) -> None:
    """Hold an answer to the headers that all have."""
    for name, value in HEADERS.items():
        assert answer.all(name) == [value], name
    assert answer.one("X-Request-ID")
    assert len(answer.all("Cache-Control")) == 1
    assert not answer.all("Strict-Transport-Security")
