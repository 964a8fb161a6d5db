"""The description of the API that the page's client is made from; `python -m tests.openapi` writes it."""

import json
from pathlib import Path

from app.main import create_app
from app.settings import Settings

DESCRIPTION = Path(__file__).parent.parent / "frontend" / "openapi.json"


def described() -> str:
    """Return what the application says of itself, as the file holds it."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DESCRIPTION.write_text(described())
