"""The stack's backend: uvicorn with exactly the settings that the command has, and when it is ready."""

import re
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from app.settings import Settings
from pipelines.ops.backend import backend_client
from pipelines.ops.errors import RefusedError
from pipelines.ops.localstack.child import Launch
from pipelines.ops.localstack.holding import LOGS, private_folder
from pipelines.ops.localstack.ports import is_loopback, refuse_taken
from pipelines.ops.settings import OpsSettings

_GRACE_S = 20
_METRICS = "metrics"
_REPLY_S = 5.0
_MODEL_URL = re.compile(r"MODEL_[A-Z0-9_]+_URL")


@dataclass(frozen=True, slots=True)
class Backend:
    """The service on loopback, with one or more workers."""

    settings: OpsSettings
    environ: Mapping[str, str]
    workers: int = 1
    title: str = "the backend"
    start_limit: float = 90.0
    stop_limit: float = _GRACE_S + 5.0

    def preflight(self) -> None:
        """Refuse an address that others could reach, and a port that is taken."""
        service = self.settings.service
        if not is_loopback(service.api_host):
            raise RefusedError(
                f"API_HOST={service.api_host} is not loopback; the stack serves this machine alone.",
                "Unset API_HOST, or set it to 127.0.0.1.",
            )
        if service.api_port in {0, service.redis_port}:
            raise RefusedError(
                f"API_PORT={service.api_port} is no port of its own.", "Set API_PORT to a free port."
            )
        refuse_taken(service.api_host, service.api_port, "API_PORT", purpose="the backend")

    def launch(self) -> Launch:
        """Start it away from any `.env`: all that it must know is in its environment."""
        service = self.settings.service
        command = [sys.executable, "-m", "uvicorn", "app.main:factory", "--factory"]
        command += ["--host", service.api_host, "--port", str(service.api_port)]
        command += ["--timeout-graceful-shutdown", str(_GRACE_S), "--workers", str(self.workers)]
        return Launch(
            argv=command,
            folder=private_folder(service.data_dir / LOGS),
            environ=service_environment(service, self.environ) | self._counting_together(),
            # Several workers have a parent that ends them when it is asked to, but not when it is killed.
            farewell=signal.SIGTERM if self.workers > 1 else signal.SIGKILL,
        )

    def _counting_together(self) -> dict[str, str]:
        """Make an empty folder for the counts of several workers."""
        if self.workers == 1:
            return {}
        folder = self.settings.service.data_dir / _METRICS
        shutil.rmtree(folder, ignore_errors=True)
        return {"PROMETHEUS_MULTIPROC_DIR": str(private_folder(folder).absolute())}

    def missing(self, _pid: int) -> str | None:
        """Ask for its health."""
        try:
            with backend_client(self.settings, seconds=_REPLY_S, url=self.settings.service.url) as client:
                answer = client.get("/health")
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        if answer.status_code == httpx.codes.OK:
            return None
        return f"its health is {answer.status_code}: {answer.text[:400]}"


def service_environment(service: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with each setting of the service as it is, and no other way to give one."""
    names = {name.upper() for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in names}
    kept = {
        name: value for name, value in environ.items() if name not in names and not _MODEL_URL.fullmatch(name)
    }
    given = {
        name.upper(): _text(value)
        for name in Settings.model_fields
        if name != "model_urls" and (value := getattr(service, name)) is not None
    }
    urls = {f"MODEL_{name.upper()}_URL": str(url) for name, url in service.model_urls.items()}
    return kept | given | urls


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value.absolute())
        case tuple():
            return ",".join(map(str, value))
    return str(value)
