"""The container's health check: ends with code 0 when `/health` answers 200, and 1 when it answers otherwise.

It means what `curl -f http://localhost:8000/health` means, in images that have no curl.
"""

import http.client
import os
import sys

_PATIENCE_S = 60.0
"""Longer than any health check may take: that a server hangs is for the check's own limit to say."""


def main() -> int:
    """Ask once; API_PORT says where. An answer that does not come is waited for."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("API_PORT", "8000")), timeout=_PATIENCE_S
    )
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        words = answer.read(400).decode(errors="replace")
    except OSError as error:
        sys.stdout.write(f"/health cannot be asked: {error}\n")
        return 1
    sys.stdout.write(f"{answer.status} {words}\n")
    return int(answer.status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
