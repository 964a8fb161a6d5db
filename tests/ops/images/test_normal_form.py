"""The digest of a normal form is a function of the content, and of nothing that a build has of its own."""

import json
import os
import py_compile
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.images.crafting import (
    EPOCH,
    PACKED,
    Build,
    Entry,
    add_blob,
    add_image,
    lay,
    layer,
    members,
    normal,
    saved_by_an_old_engine,
    tarred,
)

CAPABILITY = ("security.capability", "\x01\x00\x00\x02\x00\x04\x00\x00\udcff\x00")
CONTENT = (
    Entry("bin", kind="folder", mode=0o755),
    Entry("bin/serve", b"#!/bin/sh\n", mode=0o755, xattrs=(CAPABILITY,)),
    Entry("bin/again", kind="hard link", target="bin/serve", mode=0o755),
    Entry("dev/null", kind="device", device=(1, 3), mode=0o666),
    Entry("etc/.wh.motd"),
    Entry("etc/hosts", b"127.0.0.1 localhost\n"),
    Entry("etc/link", kind="symlink", target="../../elsewhere/./x"),
    Entry("run/pipe", kind="pipe"),
    Entry("srv/.wh..wh..opq"),
    Entry("srv/" + "long" * 60, b"x" * 2000, uid=1000, gid=1000),
    Entry("srv/naïve", b"1", uid=3_000_000),
)


def digest_of(entries: tuple[Entry, ...], build: Build = Build()) -> str:  # noqa: B008  # frozen
    """Return the digest of the normal form of an image of one layer."""
    with tempfile.TemporaryDirectory() as name:
        image = lay(Path(name) / "image", [layer(entries, build)], build)
        return normal(image, Path(name) / "normal").root.digest


WANTED = digest_of(CONTENT)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[Entry, ...]:
    """Return the content in another order; a hard link still comes after its file."""
    entries = draw(st.permutations([entry for entry in CONTENT if entry.kind != "hard link"]))
    link = draw(st.sampled_from(["bin/serve", "bin/again"]))
    other = {"bin/serve": "bin/again", "bin/again": "bin/serve"}[link]
    file = next(entry for entry in CONTENT if entry.path == "bin/serve")
    swapped = [replace(entry, path=other) if entry is file else entry for entry in entries]
    return (*swapped, replace(file, path=link, content=b"", kind="hard link", target=other, xattrs=()))


@settings(max_examples=60, deadline=None)
@given(
    entries=shuffled(),
    build=st.builds(
        Build,
        prefix=st.sampled_from(["", "./", "/", ".//"]),
        owner=st.sampled_from(["", "root", "_apt"]),
        later=st.integers(-10_000_000, 300_000_000),
        tar_format=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
        packing=st.sampled_from(sorted(PACKED)),
        created=st.sampled_from(["2020-02-02T02:02:02Z", "1970-01-01T00:00:00Z"]),
        container=st.just(Build().container),
    ),
)
def test_what_a_build_has_of_its_own_does_not_change_the_digest(
    entries: tuple[Entry, ...],
    build: Build,
) -> None:
    """Order, spelling, owners' names, times, tar dialect, packing and the config's clock are no content."""
    if build.tar_format == tarfile.GNU_FORMAT:  # that dialect has no extended attributes
        entries = tuple(replace(entry, xattrs=()) for entry in entries)
    wanted = WANTED if build.tar_format == tarfile.PAX_FORMAT else WITHOUT_ATTRIBUTES
    assert digest_of(entries, build) == wanted


WITHOUT_ATTRIBUTES = digest_of(tuple(replace(entry, xattrs=()) for entry in CONTENT))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("bin/serve", {"content": b"#!/bin/sh \n"}),
        ("bin/serve", {"mode": 0o4755}),
        ("bin/serve", {"xattrs": ()}),
        ("bin/serve", {"xattrs": (("security.capability", "\x01\x00\x00\x02\x01"),)}),
        ("bin", {"mode": 0o700}),
        ("bin", {"uid": 7}),
        ("etc/hosts", {"path": "etc/host"}),
        ("etc/hosts", {"gid": 7}),
        ("etc/link", {"target": "../elsewhere"}),
        ("etc/.wh.motd", {"path": "etc/.wh.issue"}),
        ("srv/.wh..wh..opq", {"path": "bin/.wh..wh..opq"}),
        ("dev/null", {"device": (1, 5)}),
        ("run/pipe", {"kind": "folder"}),
        ("bin/again", {"kind": "file", "target": "", "content": b"#!/bin/sh\n"}),
    ],
)
def test_any_change_of_content_changes_the_digest(path: str, change: dict[str, object]) -> None:
    """A byte, a right, an owner's number, a name, a link, a device, a whiteout or an attribute is content."""
    changed = tuple(replace(entry, **change) if entry.path == path else entry for entry in CONTENT)  # type: ignore[arg-type]  # fields by name
    assert changed != CONTENT
    assert digest_of(changed) != WANTED


@pytest.mark.parametrize("key", ["Env", "Cmd", "Labels", "Healthcheck"])
def test_what_a_container_is_started_with_is_content(key: str) -> None:
    """A changed key of the config is another image; what tells of the building container is not."""
    plain = Build()
    value: object = {"x": "y"} if key in {"Labels", "Healthcheck"} else ["x"]
    assert digest_of(CONTENT, replace(plain, container={**plain.container, key: value})) != WANTED
    theirs = {**plain.container, "Hostname": "4f2a", "Image": "sha256:0", "Env": None}
    assert digest_of(CONTENT, replace(plain, container=theirs)) == WANTED


def test_a_label_that_names_the_build_time_gets_the_epoch(tmp_path: Path) -> None:
    """The label is kept, and tells what the config tells."""
    label = "org.opencontainers.image.created"
    image = lay(tmp_path / "image", [layer(CONTENT)], Build(container={"Labels": {label: "today", "a": "b"}}))
    form = normal(image, tmp_path / "normal")
    config = json.loads((tmp_path / "normal/blobs/sha256" / form.images[0].config.digest[7:]).read_bytes())
    assert config["config"]["Labels"] == {"a": "b", label: "2025-10-09T08:53:20Z"}
    assert config["created"] == "2025-10-09T08:53:20Z"


def test_what_is_kept_is_kept_right(tmp_path: Path) -> None:
    """Links, devices, whiteouts, attributes, long names and numbers come out as they went in."""
    image = lay(tmp_path / "image", [layer(CONTENT, Build(owner="root"))])
    found = members(tmp_path / "normal", normal(image, tmp_path / "normal"))
    assert list(found)[:3] == ["bin", "bin/again", "bin/serve"]
    assert found["bin/serve"].islnk()
    assert found["bin/serve"].linkname == "bin/again"
    assert found["bin/again"].pax_headers[f"SCHILY.xattr.{CAPABILITY[0]}"] == CAPABILITY[1]
    assert (found["dev/null"].devmajor, found["dev/null"].devminor) == (1, 3)
    assert found["etc/link"].linkname == "../../elsewhere/./x"
    assert found["srv/naïve"].uid == 3_000_000
    assert found["etc/.wh.motd"].size == found["srv/.wh..wh..opq"].size == 0
    assert {member.mtime for member in found.values()} == {EPOCH}
    assert {member.uname + member.gname for member in found.values()} == {""}
    assert found["srv/" + "long" * 60].size == 2000


def test_the_last_of_a_name_counts(tmp_path: Path) -> None:
    """A name twice is what its last entry says; what lay in a folder that became a file is gone."""
    twice = (Entry("a", b"1"), Entry("b", kind="hard link", target="a"), Entry("a", b"2"))
    assert digest_of(twice) == digest_of((Entry("a", b"2"), Entry("b", b"1")))
    folder = (Entry("d", kind="folder"), Entry("d/x", b"1"), Entry("d", b"2"))
    assert digest_of(folder) == digest_of((Entry("d", b"2"),))


def test_caches_and_logs_are_left_out_and_their_folders_stay(tmp_path: Path) -> None:
    """Files of caches and logs go; a log's folder and a link to a standard stream stay; /tmp is empty."""
    entries = (
        Entry("etc/machine-id", b"4f2a"),
        Entry("opt/venv/lib/__pycache__/m.pyc", b"kept"),
        Entry("root/.cache/pip/x", b"x"),
        Entry("tmp", kind="folder", mode=0o1777),
        Entry("tmp/.wh.random", b""),
        Entry("tmp/random", kind="folder"),
        Entry("var/cache/ldconfig/aux-cache", b"x"),
        Entry("var/lib/apt/lists/x", b"x"),
        Entry("var/lib/dpkg/status", b"kept"),
        Entry("var/log/apt", kind="folder"),
        Entry("var/log/apt/history.log", b"today"),
        Entry("var/log/nginx/access.log", kind="symlink", target="/dev/stdout"),
    )
    image = lay(tmp_path / "image", [layer(entries)])
    form = normal(image, tmp_path / "normal")
    assert list(members(tmp_path / "normal", form)) == [
        "opt/venv/lib/__pycache__/m.pyc",
        "tmp",
        "var/lib/dpkg/status",
        "var/log/apt",
        "var/log/nginx/access.log",
    ]
    assert form.images[0].layers[0].left_out == 7


def compiled(folder: Path, mtime: int) -> bytes:
    """Return what Python compiles of a source with a time."""
    source = folder / "m.py"
    source.write_text("answer = 42\n")
    os.utime(source, (mtime, mtime))
    mode = py_compile.PycInvalidationMode.TIMESTAMP
    done = py_compile.compile(str(source), str(folder / "m.pyc"), "/opt/m.py", invalidation_mode=mode)
    return Path(done or "").read_bytes()


@pytest.mark.parametrize("below", [False, True], ids=["in one layer", "source in a lower layer"])
def test_compiled_python_stays_valid(tmp_path: Path, below: bool) -> None:
    """A .pyc that was valid for its source still is at the epoch; a stale one is not made valid."""
    digests = set()
    for time in (1_600_000_000, 1_700_000_000):
        pyc = compiled(tmp_path, time)
        source = Entry("opt/m.py", b"answer = 42\n", mtime=time)
        bytecode = Entry("opt/__pycache__/m.cpython-311.pyc", pyc)
        other = Entry("opt/n.py", b"answer = 43\n", mtime=time + 5)
        stale = Entry("opt/n.pyc", pyc)
        layers = [(source, other), (bytecode, stale)] if below else [(source, other, bytecode, stale)]
        into = tmp_path / f"normal{time}"
        form = normal(lay(tmp_path / f"image{time}", [layer(one) for one in layers]), into)
        blob = into / "blobs/sha256" / form.images[0].layers[-1].digest[7:]
        with tarfile.open(blob) as tar:
            file = tar.extractfile(bytecode.path)
            assert file
            stamped = file.read()
            untouched = tar.extractfile(stale.path)
            assert untouched
            assert untouched.read() == pyc
        assert int.from_bytes(stamped[8:12], "little") == EPOCH
        assert stamped[:8] + stamped[12:] == pyc[:8] + pyc[12:]
        digests.add(members(into, form, -1)[bytecode.path].size)
    assert len(digests) == 1


@pytest.mark.parametrize("target", ["/etc/m.py", "../etc/m.py"])
def test_compiled_python_of_a_linked_source_stays_valid(tmp_path: Path, target: str) -> None:
    """Where a source is a link, its compiled file has the time of what it leads to."""
    pyc = compiled(tmp_path, 1_600_000_000)
    entries = (
        Entry("etc/m.py", b"answer = 42\n", mtime=1_600_000_000),
        Entry("opt/m.py", kind="symlink", target=target, mtime=1_650_000_000),
        Entry("opt/m.pyc", pyc),
    )
    form = normal(lay(tmp_path / "image", [layer(entries)]), tmp_path / "normal")
    with tarfile.open(tmp_path / "normal/blobs/sha256" / form.images[0].layers[0].digest[7:]) as tar:
        file = tar.extractfile("opt/m.pyc")
        assert file
        assert int.from_bytes(file.read()[8:12], "little") == EPOCH


def test_every_form_of_an_image_gives_one_digest(tmp_path: Path) -> None:
    """A layout folder, its tarball, packed or not, and an old engine's archive are one image."""
    layers = [layer(CONTENT), layer((Entry("a", b"1"),)), layer(CONTENT)]
    image = lay(tmp_path / "image", layers)
    sources = (
        image,
        tarred(image),
        tarred(image, "w:gz"),
        saved_by_an_old_engine(tmp_path / "saved.tar", layers),
    )
    digests = {normal(one, tmp_path / f"normal{number}").root.digest for number, one in enumerate(sources)}
    assert len(digests) == 1


def test_a_normal_form_is_its_own_normal_form(tmp_path: Path) -> None:
    """Normalising twice changes nothing."""
    first = normal(lay(tmp_path / "image", [layer(CONTENT)]), tmp_path / "first")
    assert normal(tmp_path / "first", tmp_path / "second").root == first.root


def test_another_epoch_is_another_image(tmp_path: Path) -> None:
    """The epoch is part of the result."""
    image = lay(tmp_path / "image", [layer(CONTENT)])
    assert normal(image, tmp_path / "a", EPOCH).root != normal(image, tmp_path / "b", EPOCH + 1).root


def test_platforms_come_in_one_order_and_attestations_go(tmp_path: Path) -> None:
    """An index of two platforms has one digest whatever its order, nesting and attestations."""
    digests = set()
    for number, architectures in enumerate((("amd64", "arm64"), ("arm64", "amd64"))):
        folder = tmp_path / f"image{number}"
        images = [add_image(folder, [layer(CONTENT)], architecture=one) for one in architectures]
        said = {
            **add_blob(folder, "application/vnd.oci.image.manifest.v1+json", b"{}"),
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
        index = {"schemaVersion": 2, "manifests": [*images, *([said] if number else [])]}
        if number:
            inner = add_blob(folder, "application/vnd.oci.image.index.v1+json", json.dumps(index).encode())
            index = {"schemaVersion": 2, "manifests": [inner]}
        (folder / "index.json").write_text(json.dumps(index))
        form = normal(folder, tmp_path / f"normal{number}")
        assert [str(one.manifest.platform) for one in form.images] == ["linux/amd64", "linux/arm64"]
        digests.add(form.root.digest)
    assert len(digests) == 1


def test_a_sparse_file_is_the_file_it_stands_for(tmp_path: Path) -> None:
    """A file with holes and the same file written out are one content."""
    (tmp_path / "holes").write_bytes(b"")
    with (tmp_path / "holes").open("r+b") as file:
        file.truncate(1_000_000)
        file.seek(500_000)
        file.write(b"island")
    (tmp_path / "holes").chmod(0o644)
    # GNU tar writes what Python's cannot.
    command: list[str | Path] = [
        "tar",
        "--sparse",
        "--owner=0",
        "--group=0",
        "-C",
        tmp_path,
        "-cf",
        tmp_path / "sparse.tar",
        "holes",
    ]
    subprocess.run(command, check=True)
    sparse = (tmp_path / "sparse.tar").read_bytes()
    assert len(sparse) < 100_000
    one = normal(lay(tmp_path / "image", [sparse]), tmp_path / "normal").root.digest
    assert one == digest_of((Entry("holes", (tmp_path / "holes").read_bytes()),))


def test_the_root_folder_is_content_when_it_is_not_the_usual_one() -> None:
    """An entry for the root changes nothing, unless its rights or owner are its own."""
    assert digest_of((*CONTENT, Entry("./", kind="folder", mode=0o755))) == WANTED
    assert digest_of((*CONTENT, Entry("./", kind="folder", mode=0o700))) != WANTED
