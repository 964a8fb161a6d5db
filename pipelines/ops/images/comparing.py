"""In what two images differ: by digest, by key of the config, and file by file as a container sees them."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from pipelines.ops.errors import OpsError
from pipelines.ops.images.entries import Node
from pipelines.ops.images.limits import STANDARD, Limits
from pipelines.ops.images.merging import Facts, Files, merged_files
from pipelines.ops.images.reading import Image, read_images
from pipelines.ops.images.source import open_source
from pipelines.ops.reporting import Reporter

_ASPECTS = tuple(field.name for field in fields(Facts) if field.name != "node")


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs for one platform; `layers` tells whether the unpacked layers are equal one by one."""

    platform: str
    digests: tuple[str | None, str | None]
    layers: bool
    config: tuple[str, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    differing: Mapping[str, tuple[str, ...]]

    @property
    def same_content(self) -> bool:
        """Return whether every file and every key of the config is equal."""
        return not (self.config or self.only_in_a or self.only_in_b or self.differing)

    @property
    def equal(self) -> bool:
        """Return whether the digests are equal; where an old archive has none, whether the content is."""
        return self.digests[0] == self.digests[1] if all(self.digests) else self.same_content


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs for each platform that both have, and the platforms that only one has."""

    platforms: tuple[Difference, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Return whether the two are one image."""
        return not (self.only_in_a or self.only_in_b) and all(one.equal for one in self.platforms)


def compare(a: Path, b: Path, *, reporter: Reporter, limits: Limits = STANDARD) -> Comparison:
    """Compare two images, each a layout folder, a tarball or a `docker save` file. Raises OpsError."""
    with (
        _spool() as spool,
        open_source(a, spool / "a", limits) as one,
        open_source(b, spool / "b", limits) as two,
    ):
        first = {str(image.platform): image for image in read_images(one)}
        second = {str(image.platform): image for image in read_images(two)}
        found = []
        for platform in sorted(first.keys() & second.keys()):
            images = (first[platform], second[platform])
            files = [
                merged_files(source, image, spool, reporter)
                for source, image in zip((one, two), images, strict=True)
            ]
            found.append(_difference(*images, *files))
    return Comparison(
        tuple(found),
        tuple(sorted(first.keys() - second.keys())),
        tuple(sorted(second.keys() - first.keys())),
    )


def _difference(a: Image, b: Image, in_a: Files, in_b: Files) -> Difference:
    links_a, links_b = _links(in_a), _links(in_b)
    differing = {}
    for path in sorted(in_a.keys() & in_b.keys()):
        aspects = [name for name in _ASPECTS if getattr(in_a[path], name) != getattr(in_b[path], name)]
        if links_a.get(path) != links_b.get(path):
            aspects.append("links")
        if aspects:
            differing[path] = tuple(aspects)
    return Difference(
        platform=str(a.platform),
        digests=(a.digest, b.digest),
        layers=a.config.rootfs.diff_ids == b.config.rootfs.diff_ids,
        config=tuple(_differing_keys(a.raw_config, b.raw_config)),
        only_in_a=tuple(sorted(in_a.keys() - in_b.keys())),
        only_in_b=tuple(sorted(in_b.keys() - in_a.keys())),
        differing=differing,
    )


def _links(files: Files) -> dict[str, str]:
    """Return the first name of each file that has several, by each of them."""
    groups: dict[Node, list[str]] = defaultdict(list)
    for path, facts in files.items():
        groups[facts.node].append(path)
    return {path: min(paths) for paths in groups.values() if len(paths) > 1 for path in paths}


def _differing_keys(a: Mapping[str, object], b: Mapping[str, object], above: str = "") -> Iterator[str]:
    """Yield the keys of two configs that differ; layers are told by their files."""
    for key in sorted(a.keys() | b.keys()):
        one, two = a.get(key), b.get(key)
        if one == two or (not above and key == "rootfs"):
            continue
        if isinstance(one, dict) and isinstance(two, dict):
            yield from _differing_keys(one, two, f"{above}{key}.")
        else:
            yield f"{above}{key}"


@contextmanager
def _spool() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="synapse-compare-") as name:
            spool = Path(name)
            (spool / "a").mkdir()
            (spool / "b").mkdir()
            yield spool
    except OSError as error:
        raise OpsError(
            f"The images cannot be unpacked to be compared ({error.strerror or error}).",
            "Set TMPDIR to a folder with room for the largest layer.",
        ) from error
