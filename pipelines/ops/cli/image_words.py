"""What two images differ in, for programs and for people."""

from collections.abc import Iterator, Sequence

from pipelines.ops.images.comparing import Comparison, Difference

_NAMED = 10
_ASPECTS = {
    "mode": "rights",
    "owner_names": "owner's name",
    "target": "link's target",
    "links": "hard links",
    "attributes": "extended attributes",
}


def comparison_data(comparison: Comparison) -> dict[str, object]:
    """Describe a comparison for programs: every name."""
    return {
        "equal": comparison.equal,
        "only_in_a": list(comparison.only_in_a),
        "only_in_b": list(comparison.only_in_b),
        "platforms": [
            {
                "platform": one.platform,
                "equal": one.equal,
                "same_content": one.same_content,
                "same_layers": one.layers,
                "digests": list(one.digests),
                "config": list(one.config),
                "files": {
                    "only_in_a": list(one.only_in_a),
                    "only_in_b": list(one.only_in_b),
                    "differing": {path: list(aspects) for path, aspects in one.differing.items()},
                },
            }
            for one in comparison.platforms
        ],
    }


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Describe a comparison for people: counts, and the first names."""
    for which, platforms in (("first", comparison.only_in_a), ("second", comparison.only_in_b)):
        if platforms:
            yield f"Only the {which} image is for {', '.join(platforms)}."
    for one in comparison.platforms:
        yield _verdict(one)
        if one.config:
            yield f"  config differs in {', '.join(one.config)}"
        yield from _names("only in the first image", one.only_in_a)
        yield from _names("only in the second image", one.only_in_b)
        yield from _names("differing", [_with_aspects(*item) for item in one.differing.items()])


def _verdict(one: Difference) -> str:
    if one.equal:
        by = one.digests[0] or one.digests[1] or "file by file (there are no digests to compare)"
        return f"{one.platform}: equal, {by}"
    if not one.same_content:
        return f"{one.platform}: different images."
    why = "packed differently" if one.layers else "cut into layers differently"
    return f"{one.platform}: the same files and config, {why}, so the digests differ."


def _with_aspects(path: str, aspects: Sequence[str]) -> str:
    return f"{path or '/'}: {', '.join(_ASPECTS.get(aspect, aspect) for aspect in aspects)}"


def _names(title: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"  {len(names)} {title}:"
    yield from (f"    {name.encode(errors='backslashreplace').decode()}" for name in names[:_NAMED])
    if len(names) > _NAMED:
        yield f"    and {len(names) - _NAMED} more; --json names them all"
