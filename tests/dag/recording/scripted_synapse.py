"""Stands where `python -m pipelines.ops.cli` looks: answers as told, and keeps what it was asked."""

import json
import os
import signal
import sys
from pathlib import Path

_POINT = "3f2a" + "0" * 60
_ANSWERS: dict[str, object] = {
    "image_epoch": {"epoch": 1_700_000_000},
    "points_where": {"folder": str(Path.cwd() / "backups"), "url": None, "endpoint": None},
    "points_show": {"id": _POINT, "time": "2026-01-02T03:04:05Z", "standing": "proven"},
    "points_keep-proofs": {"point": _POINT, "proofs": 1},
    "pins_lint": {"good": True, "references": 24},
    "backup": {"point": _POINT, "size": 10, "bytes_new": 5, "steps": []},
    "restore": {"point": _POINT},
}


def main() -> None:
    """Print the answer to a command; an answer with an `error` ends with its `code`.

    One with `waits` writes its process id into that pipe, and is not done until it is told to end.
    """
    asked = sys.argv[1:]
    with Path(os.environ["SCRIPTED_ASKED"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asked) + "\n")
    told = Path(os.environ["SCRIPTED_ANSWERS"])
    answers = _ANSWERS | (json.loads(told.read_text(encoding="utf-8")) if told.exists() else {})
    name = "_".join(asked[:2])
    found = answers[name if name in answers else asked[0]]
    if isinstance(found, dict) and "waits" in found:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        Path(found["waits"]).write_text(f"{os.getpid()}", encoding="utf-8")
        signal.sigwait({signal.SIGTERM})
    sys.stdout.write(json.dumps(found) + "\n")
    sys.exit(found.get("code", 0) if isinstance(found, dict) else 0)


if __name__ == "__main__":
    main()
