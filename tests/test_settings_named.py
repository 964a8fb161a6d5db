"""Every variable that the README's table of settings names is one that is read."""

import re
from pathlib import Path

import pytest

from app.settings import Settings

PROJECT = Path(__file__).parent.parent


def named() -> list[str]:
    """Return the variables in the first column of the table."""
    chapter = (PROJECT / "README.md").read_text().partition("\n## Settings")[2].partition("\n### ")[0]
    cells = re.findall(r"^\| (`[A-Z].*?) \| ", chapter, re.MULTILINE)
    return sorted({name for cell in cells for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)})


def test_the_table_is_read() -> None:
    """A table of another shape would leave nothing to look for."""
    assert len(named()) > 35


@pytest.mark.parametrize("name", named())
def test_a_variable_is_read(name: str) -> None:
    """By the service, or by name somewhere in the commands; a field of theirs is written small."""
    sources = "\n".join(path.read_text() for path in (PROJECT / "pipelines").rglob("*.py"))
    fields = {field.upper() for field in Settings.model_fields}
    own = re.search(rf"^    {name.removeprefix('SYNAPSE_').lower()}: ", sources, re.MULTILINE)
    assert name in fields or own or f'"{name}"' in sources
