"""What the README says that a failure prints is what it prints: each quoted part is found in the sources."""

import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SOURCES = (
    *("app/**/*.py", "pipelines/**/*.py", "deploy/**/*.sh", "app/*.sh", "docker-compose*.yml"),
    *("frontend/src/**/*.ts", "frontend/src/**/*.tsx", "frontend/nginx/*.conf"),
)
OF_OTHERS = (
    "bind source path does not exist",
    "Bad file format reading the append only file",
    "can't set healthcheck.start_interval",
    'The container name "/synapse_redis" is already in use',
    "port is already allocated",
    "range of CPUs is from",
    "address already in use",
    "container",
    "unhealthy",
    "dependency failed to start",
    "undefined secret model_api_key (write MODEL_API_KEY into",
    "socket() [::]:8080 failed",
    "undefined secret notify_webhook (write SYNAPSE_NOTIFY_WEBHOOK into",
    "Failed to set up mount namespacing",
)
"""What Docker, compose and nginx say in their own words."""


def quoted() -> list[str]:
    """Return the parts of messages in the first column of the table."""
    chapter = (
        (PROJECT / "README.md").read_text().partition("## When something goes wrong")[2].partition("\n## ")[0]
    )
    cells = re.findall(r"^\| (`.*?) \| ", chapter, re.MULTILINE)
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return sorted({part.strip() for message in messages for part in message.split("…") if part.strip(" ()")})


@cache
def said() -> str:
    """Return the product's sources as one text, in which a message that is written on two lines is whole."""
    files = sorted(
        {path for pattern in SOURCES for path in PROJECT.glob(pattern) if ".test." not in path.name}
    )
    text = "\n".join(path.read_text() for path in files)
    joined = re.sub(r"[\"']\s*\n\s*(?:or |\+ |else )?f?[\"']", "", text)
    filled = re.sub(r"\{[^{}\n]*\}", "…", joined)
    return f"{joined}\n{filled}".replace("`", "")


def test_the_table_is_read() -> None:
    """A table of another shape would leave nothing to look for."""
    assert len(quoted()) > 60


@pytest.mark.parametrize("part", quoted())
def test_a_quoted_message_is_one_that_is_printed(part: str) -> None:
    """By Synapse, or by what it runs on."""
    assert part in OF_OTHERS or part in said()
