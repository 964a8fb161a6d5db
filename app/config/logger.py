"""Makes gunicorn's own lines look like all others: JSON on standard error."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

from app.api.logs import configure_logs


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Hands everything to the logs of the service."""

    def setup(self, cfg: Config) -> None:
        """Set up, when the server starts and when it reads its settings again."""
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True
        configure_logs(cfg.loglevel.upper())
