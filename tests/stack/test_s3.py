"""The stack in containers with its repository on S3 and encrypted: keys are files; all comes back."""

import json
import shutil
from pathlib import Path

from tests.s3.versitygw import s3_server
from tests.stack.deployment import QUICK, deployed
from tests.stack.engine import Engine
from tests.stack.running import HOLDERS, destroy, fill, held

_FILES = ("deploy/compose/s3.yml", "deploy/compose/encrypted.yml")
_GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"


def test_saved_to_s3_destroyed_and_restored(docker: Engine, tmp_path: Path) -> None:
    """The containers take place, keys and passphrase from .env and files; nothing is in the backups' folder.

    No stored byte shows a name of what is stored, and without the passphrase nothing is read or written.
    """
    here = docker.docker("network", "inspect", "bridge", "--format", _GATEWAY).strip()
    installation = tmp_path / "installation"
    installation.mkdir()
    with (
        s3_server(tmp_path / "s3", host=here) as server,
        deployed(docker, installation, (*QUICK, *_FILES), *_lines(server.endpoint)) as made,
    ):
        (installation / "secrets" / "aws_access_key_id").write_text(server.access_key)
        (installation / "secrets" / "aws_secret_access_key").write_text(server.secret_key)
        (installation / "secrets" / "passphrase").write_text("words that nobody guesses\n")
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
        config = server.bucket_folder / "stack" / "config"
        assert json.loads(config.read_text())["encryption"]["cipher"] == "aes-256-gcm"
        stored = [path.read_bytes() for path in server.bucket_folder.rglob("*") if path.is_file()]
        assert not any(b"appendonlydir" in value or b"nobody guesses" in value for value in stored)
        (installation / "secrets" / "passphrase").write_text("other words, that somebody guessed\n")
        assert "The passphrase is not one of" in made.ops("backup", code=2)
        shutil.rmtree(server.bucket_folder)
        assert "there is no bucket" in made.ops("points", "list", code=5)


def _lines(endpoint: str) -> list[str]:
    return [
        "SYNAPSE_REPOSITORY=s3://kept/stack",
        f"AWS_ENDPOINT_URL_S3={endpoint}",
        "AWS_ACCESS_KEY_ID_FILE=./secrets/aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY_FILE=./secrets/aws_secret_access_key",
        "SYNAPSE_PASSPHRASE_FILE=./secrets/passphrase",
    ]
