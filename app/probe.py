"""The container's health check: ends with code 0 when `/health` answers 200, and 1 when it answers otherwise.

It means what `curl -f http://localhost:8000/health` means, in images that have no curl.
"""

import os
import sys
import urllib.error
import urllib.request

_PATIENCE_S = 60.0
"""Longer than any health check may take: that a server hangs is for the check's own limit to say."""


def main() -> int:
    """Ask the address that is given, or our own `/health` (API_PORT says where); wait for the answer.

    A second argument says how many seconds to wait for it.
    """
    port = os.environ.get("API_PORT", "8000")
    url = sys.argv[1] if len(sys.argv) > 1 else f"http://127.0.0.1:{port}/health"
    if not url.startswith(("http://", "https://")):
        sys.stderr.write(f"{url} is no address\n")
        return 2
    patience = float(sys.argv[2]) if len(sys.argv) > 2 else _PATIENCE_S  # noqa: PLR2004  # two arguments
    # Straight there: a proxy for the way out knows nothing of this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=patience) as answer:
            sys.stdout.write(f"{answer.status} {answer.read(400).decode(errors='replace')}\n")
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"{url} answers {error.code}: {_line(error.read(400))}\n")
    except OSError as error:
        sys.stderr.write(f"{url} cannot be asked: {error}\n")
    return 1


def _line(body: bytes) -> str:
    return " ".join(body.decode(errors="replace").split())


if __name__ == "__main__":
    sys.exit(main())
