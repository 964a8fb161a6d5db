"""A stranger reads an encrypted point by the page's steps alone: plain libraries, no code of ours."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from pydantic import BaseModel

from pipelines.ops.model import FaissSource, Proof, RestorePoint
from pipelines.ops.repository import FolderStore, Repository
from pipelines.ops.repository.config import EncryptionConfig
from pipelines.ops.repository.passphrase import Scrypt
from pipelines.ops.repository.slots import About, KeySlot
from tests.ops.repository.test_format_page import listed
from tests.passphrases import PHRASE, cheap

# Written from backups/README.md; each step has the words of the page before it.
STRANGER = """
import hashlib, hmac, json, pathlib, sys, unicodedata
from backports import zstd
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

repository, folder = map(pathlib.Path, sys.argv[1:])
phrase = unicodedata.normalize("NFC", sys.stdin.read()).encode()

def hkdf(key, info, length, salt=b""):  # RFC 5869
    prk = hmac.digest(salt or bytes(32), key, "sha256")
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([count]), "sha256")
        out, count = out + block, count + 1
    return out[:length]

def unseal(sealed, name, key):
    both = hkdf(key, b"synapse 1 value", 44, sealed[:32])
    return AESGCM(both[:32]).decrypt(both[32:], sealed[32:], name.encode())

config = json.loads((repository / "config").read_bytes())
assert config["format"] == 2 and config["encryption"]["cipher"] == "aes-256-gcm"
(file,) = (repository / "keys").iterdir()
assert blake3(file.read_bytes()).hexdigest() == file.name
slot = json.loads(file.read_bytes())
kdf = slot["kdf"]
taken = dict(n=kdf["n"], r=kdf["r"], p=kdf["p"], maxmem=2**30, dklen=32)
opened = hashlib.scrypt(phrase, salt=bytes.fromhex(kdf["salt"]), **taken)
root = unseal(bytes.fromhex(slot["key"]), "repository key", opened)
ids, values, check = (hkdf(root, f"synapse 1 {what}".encode(), 32) for what in ("ids", "values", "config"))

said = config["encryption"]["check"]
config["encryption"]["check"] = "0" * 64
canonical = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
assert blake3(canonical, key=check).hexdigest() == said
about = json.loads(unseal(bytes.fromhex(slot["about"]), "about " + slot["key"], values))

def document(path):
    name = path.relative_to(repository).as_posix()
    data = unseal(path.read_bytes(), name, values)
    assert path.stem.partition("-")[2] == blake3(data, key=ids).hexdigest()
    return json.loads(data)

(manifest,) = (repository / "points").iterdir()
point = document(manifest)
for entry in point["faiss"]["files"]:
    target = folder / entry["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as out:
        for identity in entry["objects"]:
            name = f"objects/{identity[:2]}/{identity}"
            data = unseal((repository / name).read_bytes(), name, values)
            chunk = zstd.decompress(data[1:]) if data[:1] == b"Z" else data[1:]
            assert blake3(chunk, key=ids).hexdigest() == identity
            out.write(chunk)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == entry["sha256"]
(proof,) = (repository / "proofs" / manifest.stem.partition("-")[2]).iterdir()
print(json.dumps({"host": point["host"], "good": document(proof)["good"], "about": about["name"]}))
"""


def test_a_stranger_reads_an_encrypted_point(tmp_path: Path) -> None:
    """Files, manifest, proof and the key's name come out with the passphrase, and nothing without it."""
    contents = {"big": Random(3).randbytes(3_000_000), "text/zeros": bytes(5_000_000), "empty": b""}
    repository = Repository.create(FolderStore(tmp_path / "r"), passphrase=cheap())
    files = repository.store_files((name, io.BytesIO(data)) for name, data in contents.items()).files
    now = datetime.now(UTC)
    faiss = FaissSource(way="folder", files=files)
    ref = repository.publish(
        RestorePoint(host="somewhere", software={}, started=now, finished=now, faiss=faiss)
    )
    repository.add_proof(Proof(point=ref.id, level=3, good=True, started=now, seconds=1, software={}))
    (tmp_path / "stranger.py").write_text(STRANGER)

    def read(phrase: str, folder: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", "stranger.py", "r", folder]
        return subprocess.run(
            argv, cwd=tmp_path, input=phrase, capture_output=True, text=True, check=False, env={}
        )

    done = read(PHRASE, "out")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"host": "somewhere", "good": True, "about": "first"}
    for name, data in contents.items():
        assert (tmp_path / "out" / name).read_bytes() == data
    wrong = read(PHRASE + "x", "nothing")
    assert "InvalidTag" in wrong.stderr
    assert not (tmp_path / "nothing").exists()


def test_the_stranger_uses_nothing_of_ours() -> None:
    """Plain libraries alone."""
    assert "pipelines" not in STRANGER
    assert "app." not in STRANGER


@pytest.mark.parametrize(
    ("title", "kind"),
    [("Encryption", EncryptionConfig), ("KeySlot", KeySlot), ("Scrypt", Scrypt), ("About", About)],
)
def test_every_field_of_encryption_is_on_the_page(title: str, kind: type[BaseModel]) -> None:
    """The table of each lists its fields, no more and no fewer."""
    assert listed(title) == set(kind.model_fields)
