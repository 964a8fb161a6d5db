"""The descriptions of the images, and the shipped files as an image has them, on a read-only root."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nginx.front import CONFIGURATION
from tests.nginx.pages import INDEX, lay_page
from tests.nginx.programs import PROGRAMS

FRONTEND = CONFIGURATION.parent
PRODUCTION, DEVELOPMENT = FRONTEND / "Dockerfile", FRONTEND / "Dockerfile.dev"


def test_the_shipped_files_serve_as_they_are(tmp_path: Path) -> None:
    """On the ports and places of the container, with Docker's name server; health tells when it is gone."""
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mounts and a network of its own (root)")
    if "installed" not in PROGRAMS:
        pytest.skip("needs an installed nginx, which looks for its configuration in /etc/nginx")
    lay_page(tmp_path)
    tmp_path.chmod(0o755)
    text = PRODUCTION.read_text()
    (start,) = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    (check,) = re.findall(r"^    CMD (.*8080/)$", text, re.MULTILINE)
    command = [*alone, sys.executable, "-m", "tests.nginx.contained", str(tmp_path), start, check]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["page"], told["page6"], told["api"]) == (INDEX, INDEX, 200)
    assert told["writable"] == ["/tmp"]
    assert told["busybox"] == (0 if shutil.which("busybox") else 127)
    assert told["unhealthy"] != 0


@pytest.mark.parametrize(
    ("dockerfile", "user", "port"), [(PRODUCTION, "101:101", 8080), (DEVELOPMENT, "node", 5173)]
)
def test_an_image_is_not_root_and_tells_its_health(dockerfile: Path, user: str, port: int) -> None:
    """With the times that compose has, and nothing of one distribution."""
    text = dockerfile.read_text()
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [user]
    assert re.findall(r"--(\w+(?:-\w+)?)=(\w+)", text[text.index("HEALTHCHECK") :]) == [
        ("interval", "15s"),
        ("timeout", "5s"),
        ("start-period", "20s"),
        ("retries", "3"),
    ]
    assert f"http://127.0.0.1:{port}/" in text
    assert not re.search(r"\b(?:apk|apt-get|apt|adduser|addgroup)\b", text)
    assert re.findall(r"^FROM (.*?)(?: AS build)?$", text, re.MULTILINE)[0] == "${NODE_IMAGE}"
