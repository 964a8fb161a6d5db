"""The health check of `synapse schedule` in a container: `/healthz` as a code that `heal.sh` understands.

0: it makes its rounds. 124, as of a server that gives no answer: it says that its rounds have stopped, which
a new start alone mends. 1: it cannot be asked, or answers otherwise.
"""

import os
import sys
import urllib.error
import urllib.request
from http import HTTPStatus

_PATIENCE_S = 60.0
"""Longer than any health check may take: that nothing is answered is for the check's own limit to say."""
_NO_ANSWER = 124


def main() -> int:
    """Ask where SYNAPSE_SCHEDULE_LISTEN says, on this machine."""
    port = os.environ.get("SYNAPSE_SCHEDULE_LISTEN", "9184").rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/healthz"
    # Straight there: a proxy for the way out knows nothing of this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=_PATIENCE_S) as answer:
            sys.stdout.write(answer.read(400).decode(errors="replace"))
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"{url} answers {error.code}: {error.read(400).decode(errors='replace')}")
        return _NO_ANSWER if error.code == HTTPStatus.SERVICE_UNAVAILABLE else 1
    except OSError as error:
        sys.stderr.write(f"{url} cannot be asked: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
