"""The settings of this process, for commands that need no more than these."""

import os

from pipelines.ops.settings import OpsSettings, load


def settings_here() -> OpsSettings:
    """Read the settings of this process."""
    return load(os.environ)
