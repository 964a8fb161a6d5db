"""The page that `synapse up` serves: the one that PAGE_DIR names, else the one that is built here."""

from dataclasses import replace
from pathlib import Path

from pipelines.ops.settings import OpsSettings

BUILT = Path(__file__).parents[3] / "frontend" / "dist"


def with_page(settings: OpsSettings, built: Path = BUILT) -> OpsSettings:
    """Return settings that serve the built page when none is named and there is one."""
    if settings.service.page_dir is not None or not (built / "index.html").is_file():
        return settings
    return replace(settings, service=settings.service.model_copy(update={"page_dir": built}))
