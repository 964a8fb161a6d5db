"""What the README says of an encrypted repository is run."""

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.ops.capture.examples import documents, open_docs
from tests.passphrases import OTHER, PHRASE
from tests.servers import LiveServer

PROJECT = Path(__file__).parents[3]


def test_the_commands_for_an_encrypted_repository(live: LiveServer, tmp_path: Path) -> None:
    """Each ends with code 0, and then the changed passphrase alone opens the points."""
    blocks = re.findall(r"^```bash\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (commands,) = (block for block in blocks if "--encrypt" in block)
    assert live.address.password
    with closing(open_docs(tmp_path / "data")) as docs:
        docs.add(documents("d", 3))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "passphrase").write_text(PHRASE)
    (tmp_path / "secrets" / "other").write_text(OTHER)
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "REDIS_PORT": str(live.address.port),
        "REDIS_PASSWORD": live.address.password,
        "API_PORT": "1",
    }

    def run(script: str) -> int:
        done = subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    assert commands.count("synapse ") >= 6
    assert run(commands) == 0
    listing = "SYNAPSE_REPOSITORY=encrypted SYNAPSE_PASSPHRASE_FILE=secrets/{} synapse points list"
    assert [run(listing.format(name)) for name in ("passphrase", "other")] == [2, 0]
