"""Two images are told apart by what a container sees, each difference by its name and its aspect."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.ops.cli.main import app
from pipelines.ops.images.comparing import Comparison, compare
from pipelines.ops.reporting import SilentReporter
from tests.ops.images.crafting import Build, Entry, add_image, lay, layer, normal, saved_by_an_old_engine

BASE = (
    Entry("bin", kind="folder", mode=0o755),
    Entry("bin/serve", b"serve"),
    Entry("bin/again", kind="hard link", target="bin/serve"),
    Entry("dev/null", kind="device", device=(1, 3)),
    Entry("etc/link", kind="symlink", target="there"),
    Entry("etc/motd", b"hello", xattrs=(("user.a", "1"),)),
)


def compared(a: Path, b: Path) -> Comparison:
    """Compare two images."""
    return compare(a, b, reporter=SilentReporter())


def changed(path: str, **change: object) -> Sequence[Entry]:
    """Return the base with one entry changed."""
    return [replace(entry, **change) if entry.path == path else entry for entry in BASE]  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("path", "change", "aspect"),
    [
        ("bin/serve", {"content": b"swerve"}, "content"),
        ("bin", {"mode": 0o700}, "mode"),
        ("bin", {"uid": 5}, "owner"),
        ("etc/link", {"target": "elsewhere"}, "target"),
        ("etc/link", {"kind": "pipe", "target": ""}, "kind"),
        ("etc/motd", {"mtime": 5}, "time"),
        ("etc/motd", {"xattrs": (("user.a", "2"),)}, "attributes"),
        ("dev/null", {"device": (1, 5)}, "device"),
        ("bin/again", {"kind": "file", "target": "", "content": b"serve"}, "links"),
    ],
)
def test_each_aspect_of_a_file_is_told(
    tmp_path: Path, path: str, change: dict[str, object], aspect: str
) -> None:
    """What differs in a file is named, and nothing else of the image."""
    one = lay(tmp_path / "a", [layer(BASE)])
    two = lay(tmp_path / "b", [layer(changed(path, **change))])
    [found] = compared(one, two).platforms
    assert aspect in found.differing[path]
    assert found.differing.keys() <= {path, "bin/again", "bin/serve"}
    assert found.only_in_a == found.only_in_b == found.config == ()
    assert not found.equal
    assert not found.layers


def test_whiteouts_hide_what_lies_below(tmp_path: Path) -> None:
    """Layers that remove, empty or replace are compared by what is left, not by how it came to be."""
    whole = lay(tmp_path / "a", [layer((Entry("d", kind="folder"), Entry("d/new", b"1"), Entry("f", b"2")))])
    lower = (
        Entry("d", kind="folder"),
        Entry("d/old", b"0"),
        Entry("f", kind="folder"),
        Entry("f/in", b"0"),
        Entry("gone", kind="folder"),
        Entry("gone/in", b"0"),
    )
    upper = (Entry("d/new", b"1"), Entry("d/.wh..wh..opq"), Entry(".wh.gone"), Entry("f", b"2"))
    cut = lay(tmp_path / "b", [layer(lower), layer(upper)])
    [found] = compared(whole, cut).platforms
    assert found.same_content is False  # the history is another
    assert (found.only_in_a, found.only_in_b, dict(found.differing)) == ((), (), {})
    assert found.config == ("history",)


def test_what_only_one_has_is_told(tmp_path: Path) -> None:
    """Names, keys of the config and platforms of one image alone."""
    one = lay(tmp_path / "a", [layer((*BASE, Entry("more", b"1")))], Build(container={"Env": ["A=1"]}))
    two = lay(
        tmp_path / "b", [layer((*BASE, Entry("other", b"1")))], Build(container={"Env": ["A=2"], "User": "5"})
    )
    [found] = compared(one, two).platforms
    assert (found.only_in_a, found.only_in_b) == (("more",), ("other",))
    assert found.config == ("config.Env", "config.User")
    other = lay(tmp_path / "c", [layer(BASE)], architecture="arm64")
    apart = compared(one, other)
    assert (apart.only_in_a, apart.only_in_b, apart.equal) == (("linux/amd64",), ("linux/arm64",), False)


def test_equal_images(tmp_path: Path) -> None:
    """A normal form equals that of another build; an old engine's archive is compared file by file."""
    raw = lay(tmp_path / "a", [layer(BASE)])
    later = lay(
        tmp_path / "b", [layer(BASE, Build("./", "root", later=5))], Build(created="2026-01-01T00:00:00Z")
    )
    assert not compared(raw, later).equal
    normal(raw, tmp_path / "x")
    normal(later, tmp_path / "y")
    assert compared(tmp_path / "x", tmp_path / "y").equal
    saved = [saved_by_an_old_engine(tmp_path / f"{name}.tar", [layer(BASE)]) for name in "pq"]
    assert compared(*saved).equal


def test_another_packing_is_said_to_be_no_other_content(tmp_path: Path) -> None:
    """Layers packed by another program give another digest of the same image."""
    one = lay(tmp_path / "a", [layer(BASE)])
    two = lay(tmp_path / "b", [layer(BASE)], Build(packing="zstd"))
    [found] = compared(one, two).platforms
    assert found.same_content
    assert found.layers
    assert not found.equal


def test_the_command_says_it_in_words_and_in_json(tmp_path: Path) -> None:
    """Counts and the first names on stdout, every name with --json, and the exit code of the table."""
    many = [Entry(f"f{number:02}", b"1") for number in range(30)]
    one = str(lay(tmp_path / "a", [layer([*BASE, *many])]))
    two = str(lay(tmp_path / "b", [layer(changed("bin", mode=0o700))]))
    same = CliRunner().invoke(app, ["image", "compare", one, one])
    assert (same.exit_code, "equal, sha256:" in same.stdout) == (0, True)
    words = CliRunner().invoke(app, ["image", "compare", one, two])
    assert words.exit_code == 1
    assert "30 only in the first image" in words.stdout
    assert "f00" in words.stdout
    assert "f29" not in words.stdout
    assert "bin: rights" in words.stdout
    data = json.loads(CliRunner().invoke(app, ["image", "compare", one, two, "--json"]).stdout)
    assert len(data["platforms"][0]["files"]["only_in_a"]) == 30
    assert data["platforms"][0]["files"]["differing"] == {"bin": ["mode"]}
    assert data["equal"] is False


def test_several_platforms_are_compared_each(tmp_path: Path) -> None:
    """A difference of one platform is told under that platform."""
    for name, content in (("a", b"1"), ("b", b"2")):
        folder = tmp_path / name
        images = [
            add_image(folder, [layer(BASE)]),
            add_image(folder, [layer([Entry("x", content)])], architecture="arm64"),
        ]
        (folder / "index.json").write_text(json.dumps({"manifests": images}))
    found = compared(tmp_path / "a", tmp_path / "b").platforms
    assert [(one.platform, one.equal) for one in found] == [("linux/amd64", True), ("linux/arm64", False)]
