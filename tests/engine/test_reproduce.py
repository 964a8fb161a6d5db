"""The same digests from two builds that share nothing, on a real Dagger engine."""

from pathlib import Path

import pytest

from tests.engine.clone import Clone

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]


def test_every_image_is_the_same_when_it_is_built_again(dagger: str, tmp_path: Path) -> None:
    """Also from another folder; and a report of other digests is noticed."""
    one = Clone(dagger, tmp_path / "one")
    first = one.run("reproduce")
    assert first.code == 0, first.said[-4000:]
    kept = tmp_path / "kept.json"
    kept.write_text((one.reports / "report.json").read_text())
    # Of the first, so that it is the same commit, whatever happens meanwhile.
    other = Clone(dagger, tmp_path / "further" / "two", one.folder)
    second = other.run("reproduce", "--against", str(kept))
    assert second.code == 0, second.said[-4000:]
    kept.write_text(kept.read_text().replace("sha256:", "sha256:0"))
    third = other.run("reproduce", "--only", "image-frontend", "--against", str(kept))
    assert (third.code, third.states()["image-frontend"]) == (1, "failed")
