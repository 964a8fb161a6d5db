"""What is no image, or a bad one, is refused by name; and nothing half-made is left."""

import gzip
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.ops.cli.main import app
from pipelines.ops.errors import DamagedError, ExitCode, NothingError, OpsError, RefusedError, UsageError
from pipelines.ops.images.limits import STANDARD
from pipelines.ops.images.normalise import normalise
from pipelines.ops.reporting import SilentReporter
from tests.ops.images.crafting import EPOCH, Build, Entry, add_blob, lay, layer, normal, sha256, tarred

TAR = layer([Entry("a", b"content"), Entry("b", b"x" * 5000)])


def refused(source: Path, *named: str, kind: type[OpsError] = DamagedError) -> None:
    """Expect a sentence with these words, a remedy, and an unchanged folder."""
    into = source.parent / "normal"
    before = sorted(source.parent.iterdir())
    with pytest.raises(kind) as caught:
        normal(source, into)
    for word in named:
        assert word in caught.value.what
    assert caught.value.hint.endswith(".")
    assert sorted(source.parent.iterdir()) == before


def blob(image: Path, digest: str) -> Path:
    """Return the file of a blob."""
    return image / "blobs/sha256" / digest.removeprefix("sha256:")


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    """The layer that is not there."""
    image = lay(tmp_path / "image", [TAR])
    blob(image, sha256(TAR)).unlink()
    refused(image, sha256(TAR).removeprefix("sha256:"), "missing")


@pytest.mark.parametrize("at", [600, -1030])
@pytest.mark.parametrize("as_tarball", [False, True])
def test_a_flipped_bit_is_noticed(tmp_path: Path, at: int, as_tarball: bool) -> None:
    """A layer that is not what its digest says."""
    image = lay(tmp_path / "image", [TAR])
    path = blob(image, sha256(TAR))
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    refused(tarred(image) if as_tarball else image, sha256(TAR), "not what its digest says")


@pytest.mark.parametrize("which", ["manifest", "config"])
def test_a_changed_document_is_noticed(tmp_path: Path, which: str) -> None:
    """A manifest or config that is not what its digest says."""
    image = lay(tmp_path / "image", [TAR])
    descriptor = json.loads((image / "index.json").read_text())["manifests"][0]
    if which == "config":
        descriptor = json.loads(blob(image, descriptor["digest"]).read_text())["config"]
    path = blob(image, descriptor["digest"])
    path.write_bytes(path.read_bytes().replace(b"2025", b"2026"))
    refused(image, descriptor["digest"])


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_layer_that_is_not_what_its_config_names(tmp_path: Path, packing: str) -> None:
    """Packed layers are checked once more when they are unpacked, and a cut one is named."""
    image = lay(tmp_path / "image", [TAR], Build(packing=packing))
    [packed] = [one for one in (image / "blobs/sha256").iterdir() if not one.read_bytes().startswith(b"{")]
    refused_with(image, packed, gzip.compress(b"other" * 1000), "does not unpack to the content")
    refused_with(image, packed, packed.read_bytes()[:-9], "cannot be unpacked")


def refused_with(image: Path, layer_file: Path, content: bytes, why: str) -> None:
    """Expect a refusal when the layer is replaced, and every digest above it follows."""
    copy = image.with_name(f"copy{len(content)}")
    index = json.loads((image / "index.json").read_text())
    manifest = json.loads(blob(image, index["manifests"][0]["digest"]).read_text())
    add_blob(copy, "x", blob(image, manifest["config"]["digest"]).read_bytes())
    manifest["layers"] = [{**add_blob(copy, "x", content), "mediaType": manifest["layers"][0]["mediaType"]}]
    new = add_blob(copy, index["manifests"][0]["mediaType"], json.dumps(manifest).encode())
    (copy / "index.json").write_text(json.dumps({"manifests": [new]}))
    refused(copy, manifest["layers"][0]["digest"], why)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda tar: tar[:512] + b"\1" + tar[513:], "broken header at byte"),
        (lambda tar: tar[:2048], "breaks off within 'b'"),
        (lambda tar: b"no tar at all" * 100, "not a readable tar"),
        (lambda tar: b"", "not a readable tar"),
    ],
)
def test_a_layer_that_is_no_whole_tar(tmp_path: Path, damage: Callable[[bytes], bytes], named: str) -> None:
    """A builder's own broken tar: its digests are right, and it is refused all the same."""
    two = layer([Entry("a"), Entry("b", b"x" * 5000)])
    refused(lay(tmp_path / "image", [damage(two)]), "Layer sha256:", named)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([Entry("a/../../etc/passwd")], "leads out of the image"),
        ([Entry("a", kind="hard link", target="../../b")], "leads out of the image"),
        ([Entry("a", kind="hard link", target="b")], "hard link to nothing"),
    ],
)
def test_names_that_climb_and_links_to_nothing(tmp_path: Path, entries: list[Entry], named: str) -> None:
    """An entry outside of the image, or a hard link into nowhere."""
    refused(lay(tmp_path / "image", [layer(entries)]), named)


def test_a_blob_name_that_climbs(tmp_path: Path) -> None:
    """A tarball or a list that names files elsewhere."""
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../index.json"))
    refused(tmp_path / "image.tar", "outside of itself")
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "manifest.json").write_text('[{"Config":"../../etc/passwd","Layers":[]}]')
    refused(folder, "outside of itself")


@pytest.mark.parametrize(
    ("change", "named", "kind"),
    [
        ({"mediaType": "application/vnd.oci.image.layer.v1.tar+encrypted"}, "+encrypted", UsageError),
        ({"digest": "sha256:../../x"}, "digest", DamagedError),
        ({"digest": "md5:00"}, "digest", DamagedError),
        ({"size": -1}, "size", DamagedError),
    ],
)
def test_descriptors_that_cannot_be_followed(
    tmp_path: Path, change: dict[str, object], named: str, kind: type[OpsError]
) -> None:
    """An unknown kind of layer, or a digest or size that is none."""
    image = lay(tmp_path / "image", [TAR])
    index = json.loads((image / "index.json").read_text())
    manifest = json.loads(blob(image, index["manifests"][0]["digest"]).read_text())
    manifest["layers"][0] |= change
    new = add_blob(image, index["manifests"][0]["mediaType"], json.dumps(manifest).encode())
    (image / "index.json").write_text(json.dumps({"manifests": [new]}))
    refused(image, named, kind=kind)


def test_what_is_no_image(tmp_path: Path) -> None:
    """A missing file, another file, an empty folder, an index that is none, and one that lists nothing."""
    refused(tmp_path / "absent.tar", "absent.tar", kind=NothingError)
    (tmp_path / "text").write_text("hello " * 500)
    refused(tmp_path / "text", "not a readable tar")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no image", kind=UsageError)
    for text, named in (
        ("[", "index.json"),
        ('{"manifests": 5}', "manifests"),
        ('{"manifests": []}', "no image"),
    ):
        (tmp_path / "empty" / "index.json").write_text(text)
        refused(tmp_path / "empty", named)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """A layer or a header beyond its bound is refused while it is read."""
    big = layer([Entry("zeros", bytes(3_000_000))])
    named = layer([Entry("n" * 100_000)])
    for number, (tar, limits, why) in enumerate(
        (
            (big, replace(STANDARD, layer=1_000_000), "unpacks to more than 1000000 bytes"),
            (named, replace(STANDARD, header=50_000), "has a header of"),
            (
                layer([Entry(str(one)) for one in range(20)]),
                replace(STANDARD, entries=10),
                "claims more than 10",
            ),
        )
    ):
        image = lay(tmp_path / f"image{number}", [tar], Build(packing="gzip"))
        with pytest.raises(DamagedError, match=why):
            normalise(image, tmp_path / "into", epoch=EPOCH, reporter=SilentReporter(), limits=limits)
        assert not (tmp_path / "into").exists()


def test_an_existing_place_is_not_touched(tmp_path: Path) -> None:
    """A folder, a file or a dangling link at the place is refused; an epoch out of range too."""
    image = lay(tmp_path / "image", [TAR])
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("folder", "dangling"):
        with pytest.raises(RefusedError, match=name):
            normal(image, tmp_path / name)
    with pytest.raises(OpsError, match="cannot be written"):
        normal(image, tmp_path / "absent" / "normal")
    with pytest.raises(UsageError, match="epoch"):
        normal(image, tmp_path / "normal", -1)


_DYING = """
import os, sys
from contextlib import contextmanager
from pathlib import Path
from pipelines.ops.images.normalise import normalise

class Dying:
    @contextmanager
    def step(self, title, *, total=None, unit="bytes"):
        yield lambda amount: None
        if title.startswith("Normalise layer 2"):
            os.kill(os.getpid(), 9)

    def note(self, text):
        pass

normalise(Path(sys.argv[1]), Path(sys.argv[2]), epoch=1, reporter=Dying())
"""


def test_a_killed_run_leaves_nothing_at_the_place_and_is_swept_by_the_next(tmp_path: Path) -> None:
    """Killed between two layers: no layout appears, and the next run removes what lay beside it."""
    image = lay(tmp_path / "image", [TAR, TAR, TAR])
    done = subprocess.run([sys.executable, "-c", _DYING, image, tmp_path / "normal"], check=False)
    assert done.returncode == -signal.SIGKILL
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    assert "normal" not in left
    normal(image, tmp_path / "normal")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "normal"]


def test_the_command_prints_the_digest(tmp_path: Path) -> None:
    """The digest on stdout, all figures with --json, and the table's exit code for a damaged image."""
    image = lay(tmp_path / "image", [TAR])
    done = CliRunner().invoke(
        app, ["image", "normalise", str(image), str(tmp_path / "x"), "--epoch", str(EPOCH)]
    )
    assert done.exit_code == 0, done.output
    digest = CliRunner().invoke(app, ["image", "digest", str(tmp_path / "x")]).stdout.strip()
    assert done.stdout.startswith(f"{digest}  ")
    told = CliRunner().invoke(
        app, ["image", "normalise", str(image), str(tmp_path / "y"), "--epoch", str(EPOCH), "--json"]
    )
    data = json.loads(told.stdout)
    assert data["digest"] == data["images"][0]["digest"] == digest
    assert [one["entries"] for one in data["images"][0]["layers"]] == [2]
    os.truncate(blob(image, sha256(TAR)), 700)
    bad = CliRunner().invoke(
        app, ["image", "normalise", str(image), str(tmp_path / "z"), "--epoch", "1", "--json"]
    )
    assert bad.exit_code == ExitCode.DAMAGED
    assert "digest" in json.loads(bad.stdout)["error"]["what"]
