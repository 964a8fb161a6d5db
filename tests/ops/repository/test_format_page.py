"""The format page says all that the models hold, and its recipe restores a point without Synapse."""

import io
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from inspect import getmembers, isclass
from pathlib import Path
from random import Random
from struct import pack

import pytest
from pydantic import BaseModel

from pipelines.ops import model
from pipelines.ops.model import FaissSource, RedisSource, RestorePoint
from pipelines.ops.repository import FolderStore, InMemoryStore, Repository
from pipelines.ops.repository.config import RepositoryConfig
from tests.ops.repository.chains import Chain, changed, records
from tests.unchecked import not_checked

PAGE = Path(__file__).parents[3] / "backups" / "README.md"
MODELS = [
    kind
    for name, kind in getmembers(model, isclass)
    if issubclass(kind, BaseModel) and kind.__module__ == model.__name__
]


def section(title: str) -> str:
    """Return the part of the page under the heading that names a thing."""
    (found,) = re.findall(rf"^### [^\n]*`{title}`\n(.*?)(?=^##)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def listed(title: str) -> set[str]:
    """Return the fields in the table under a heading."""
    return set(re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE))


@pytest.mark.parametrize("kind", [kind for kind in MODELS if not kind.__name__.startswith("_")])
def test_every_field_is_on_the_page(kind: type[BaseModel]) -> None:
    """The table of each model lists its fields, no more and no fewer."""
    assert listed(kind.__name__) == set(kind.model_fields)


def test_the_config_is_on_the_page() -> None:
    """Its fields are listed, and the one to write by hand opens a repository that writes as any other."""
    assert listed("config") == set(RepositoryConfig.model_fields)
    (written,) = re.findall(r"```json\n(.*?)```", section("config"), re.DOTALL)
    store = InMemoryStore()
    store.put("config", written.encode())
    repository = Repository.open(store)
    assert repository.config == RepositoryConfig(id=repository.config.id)


def recipe() -> str:
    """Return the page's program."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(program)


@pytest.fixture
def tools(tmp_path: Path) -> str:
    """Give a PATH with `zstd`: the machine's, or a stand-in made of the locked package."""
    if shutil.which("zstd"):
        return "/usr/local/bin:/usr/bin:/bin"
    stand_in = tmp_path / "bin" / "zstd"
    stand_in.parent.mkdir()
    lines = [f"#!{sys.executable}", "import sys", "from backports import zstd"]
    lines.append("sys.stdout.buffer.write(zstd.decompress(sys.stdin.buffer.read()))")
    stand_in.write_text("\n".join(lines))
    stand_in.chmod(0o700)
    return str(stand_in.parent)


def test_a_stranger_restores_with_the_recipe(tmp_path: Path, tools: str) -> None:
    """The page's program, alone and isolated from our packages, gives every file back."""
    contents = {"big": Random(3).randbytes(3_000_000), "text/zeros": bytes(5_000_000), "empty": b""}
    contents["vectors"] = b"".join(pack("<f", Random(number).gauss()) for number in range(500_000)) + b"end"
    repository = Repository.create(FolderStore(tmp_path / "r"))
    files = repository.store_files((name, io.BytesIO(data)) for name, data in contents.items()).files
    redis = RedisSource(
        way="import", server="unknown", version="7", replid=None, offset=None, rdb_version=None,
        loadable_by=(), databases=None, files=files[1:],
    )  # fmt: skip  # one line a group
    now = datetime.now(UTC)
    faiss = FaissSource(way="folder", files=files)
    ref = repository.publish(
        RestorePoint(host="h", software={}, started=now, finished=now, redis=redis, faiss=faiss)
    )
    (tmp_path / "restore.py").write_text(recipe())
    argv = [sys.executable, "-I", "-S", "restore.py", "r", f"r/{ref.key}", "out"]
    subprocess.run(argv, cwd=tmp_path, check=True, env={"PATH": tools}, capture_output=True)
    for name, data in contents.items():
        assert (tmp_path / "out" / "faiss" / name).read_bytes() == data
    assert (tmp_path / "out" / "redis" / "text" / "zeros").read_bytes() == contents["text/zeros"]
    assert not (tmp_path / "out" / "redis" / "big").exists()


def test_a_stranger_restores_what_has_anchors(tmp_path: Path) -> None:
    """The page's program reads differences too, with the machine's own `zstd`."""
    if shutil.which("zstd") is None:
        not_checked("there is no zstd program here")
    chain = Chain(Repository.create(FolderStore(tmp_path / "r")))
    lines = records(1)
    for number in range(3):
        lines = changed(lines, number)
        chain.add(b"".join(lines))
    (tmp_path / "restore.py").write_text(recipe())
    for number, (ref, data) in enumerate(chain.contents.items()):
        argv = [sys.executable, "-I", "-S", "restore.py", "r", f"r/{ref.key}", f"out-{number}"]
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
        assert (tmp_path / f"out-{number}" / "faiss" / "file").read_bytes() == data
    assert chain.files[0].anchors


def test_the_recipe_notices_a_changed_byte(tmp_path: Path, tools: str) -> None:
    """The program's SHA-256 check is not for show."""
    repository = Repository.create(FolderStore(tmp_path / "r"))
    files = repository.store_files([("a", io.BytesIO(b"content"))]).files
    now = datetime.now(UTC)
    faiss = FaissSource(way="folder", files=files)
    ref = repository.publish(RestorePoint(host="h", software={}, started=now, finished=now, faiss=faiss))
    (found,) = (tmp_path / "r" / "objects").rglob(files[0].objects[0])
    found.write_bytes(b"Rc0ntent")
    (tmp_path / "restore.py").write_text(recipe())
    argv = [sys.executable, "-I", "-S", "restore.py", "r", f"r/{ref.key}", "out"]
    done = subprocess.run(argv, cwd=tmp_path, check=False, env={"PATH": tools}, capture_output=True)
    assert done.returncode != 0
