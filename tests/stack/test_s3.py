"""The stack in containers with its repository on S3: its keys are files, and what is destroyed comes back."""

import json
import shutil
from pathlib import Path

from tests.s3.versitygw import s3_server
from tests.stack.deployment import QUICK, deployed
from tests.stack.engine import Engine
from tests.stack.running import HOLDERS, destroy, fill, held

_GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"


def test_saved_to_s3_destroyed_and_restored(docker: Engine, tmp_path: Path) -> None:
    """The containers take the place and the keys from .env and files; nothing is in the backups' folder."""
    here = docker.docker("network", "inspect", "bridge", "--format", _GATEWAY).strip()
    installation = tmp_path / "installation"
    installation.mkdir()
    with (
        s3_server(tmp_path / "s3", host=here) as server,
        deployed(docker, installation, (*QUICK, "deploy/compose/s3.yml"), *_lines(server.endpoint)) as made,
    ):
        (installation / "secrets" / "aws_access_key_id").write_text(server.access_key)
        (installation / "secrets" / "aws_secret_access_key").write_text(server.secret_key)
        made.up(*HOLDERS)
        fill(made)
        before = held(made)
        report = json.loads(made.ops("backup", "--json"))
        assert report["proof"]["good"]
        destroy(made)
        made.up(*HOLDERS)
        assert json.loads(made.ops("restore", "latest", "--yes", "--json"))["done"]
        assert held(made) == before
        assert not list((installation / "backups").iterdir())
        assert (server.bucket_folder / "stack" / "config").is_file()
        shutil.rmtree(server.bucket_folder)
        assert "there is no bucket" in made.ops("points", "list", code=5)


def _lines(endpoint: str) -> list[str]:
    return [
        "SYNAPSE_REPOSITORY=s3://kept/stack",
        f"AWS_ENDPOINT_URL_S3={endpoint}",
        "AWS_ACCESS_KEY_ID_FILE=./secrets/aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY_FILE=./secrets/aws_secret_access_key",
    ]
