"""What the README says of S3 is run, against a real store."""

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.ops.capture.examples import documents, open_docs
from tests.s3.versitygw import BUCKET, s3_environ, s3_server
from tests.servers import LiveServer

PROJECT = Path(__file__).parents[3]


def test_the_commands_for_s3(live: LiveServer, tmp_path: Path) -> None:
    """Each ends with code 0, with the names of this store in place of the example's."""
    blocks = re.findall(r"^```bash\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (commands,) = (block for block in blocks if "SYNAPSE_REPOSITORY=s3://" in block)
    assert live.address.password
    for name in ("requirements-s3.lock", "pyproject.toml"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    with closing(open_docs(tmp_path / "data")) as docs:
        docs.add(documents("d", 3))
    with s3_server(tmp_path / "s3") as server:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "aws_access_key_id").write_text(server.access_key)
        (tmp_path / "secrets" / "aws_secret_access_key").write_text(server.secret_key)
        environ = s3_environ(server, {"REDIS_PORT": str(live.address.port), "API_PORT": "1"})
        environ = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
        environ |= {
            "REDIS_PASSWORD": live.address.password,
            "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}",
        }
        script = commands.replace("s3://bucket/", f"s3://{BUCKET}/").replace(
            "https://s3.example", server.endpoint
        )
        assert script.count("synapse ") >= 2
        done = subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert list((server.bucket_folder / "prefix" / "points").iterdir())
