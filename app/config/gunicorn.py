"""The production server's settings, read by `gunicorn --config python:app.config.gunicorn`.

The one module that reads the environment when it is imported: gunicorn wants names with values. It imports
the whole service, so that a worker that is started later has it at once.
"""

import os
import shutil
import tempfile
from types import SimpleNamespace

from app.config.logger import JsonLogger
from app.config.worker import GRACE_S, Worker
from app.errors import SynapseError
from app.main import create_app
from app.settings import Settings

_MEMORY = "/dev/shm"  # noqa: S108  # the place for a worker's heartbeat: no disk may make it late
_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def _loaded() -> Settings:
    """Read the settings, and find out here, once, whether a service can be made of them."""
    try:
        settings = Settings.load(os.environ)
        create_app(settings)
    except SynapseError as error:
        raise SystemExit(str(error)) from None
    return settings


_settings = _loaded()
_host = _settings.api_host

wsgi_app = "app.main:factory()"
worker_class = Worker
workers = _settings.web_concurrency
bind = f"[{_host}]:{_settings.api_port}" if ":" in _host else f"{_host}:{_settings.api_port}"
forwarded_allow_ips = ",".join(_settings.forwarded_allow_ips)

timeout = 30
"""A worker that gives no sign of life for so many seconds is killed and replaced."""
graceful_timeout = GRACE_S
keepalive = 75
"""Longer than a proxy keeps an idle connection, so that it never writes into one that we are closing."""
worker_tmp_dir = _MEMORY if os.access(_MEMORY, os.W_OK) else None
control_socket_disable = True

logger_class = JsonLogger
loglevel = _settings.log_level.lower()
accesslog = None
"""Each request has its line already, with its id (app/api/requests.py)."""


def when_ready(_server: SimpleNamespace) -> None:
    """Make the folder in which the workers count together, once the port is ours and before they start."""
    os.environ[_METRICS] = tempfile.mkdtemp(prefix="synapse-metrics-")


def on_exit(_server: SimpleNamespace) -> None:
    """Remove it."""
    folder = os.environ.pop(_METRICS, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
