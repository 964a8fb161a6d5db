"""The answers of a session in which all goes well."""

from tests.dag.recording.answers import Answer, Rule, exporting, printing
from tests.dag.recording.graph import Call
from tests.dag.recording.project import POINT

DIGESTS = {
    name: "sha256:" + letter * 64 for name, letter in (("backend", "b"), ("ops", "a"), ("frontend", "f"))
}
"""One for each image, so that none is taken for another's."""
SERVED = {"name": "documents", "epoch": "e1", "documents": 30}
_JUNIT = '<testsuites><testsuite tests="3" failures="0" errors="0" skipped="1"/></testsuites>'


def going_well() -> list[Rule]:
    """Return the rules: each command prints what the step after it reads."""
    return [
        _digest,
        printing(
            "image",
            "compare",
            value={
                "equal": True,
                "platforms": [{"files": {"only_in_a": [], "only_in_b": ["x"], "differing": {"y": ["time"]}}}],
            },
        ),
        *(_pushed(name) for name in DIGESTS),
        printing("synapse", "backup", value={"point": POINT}),
        printing("synapse", "verify", value={"proofs": [{"good": True}]}),
        printing("synapse", "restore", value={"point": POINT}),
        printing("points", "served", value={"point": POINT, "collection": SERVED}),
        exporting(".xml", _JUNIT),
    ]


def _digest(call: Call) -> Answer | None:
    """Answer with the digest of the image that was built for it."""
    builds = [found.arguments for found in call.everything().values() if found.field == "dockerBuild"]
    name = "backend" if any(build.get("target") == "backend" for build in builds) else "ops"
    if any(build.get("dockerfile", "Dockerfile") == "Dockerfile" for build in builds):
        name = "frontend"
    return printing("image", "digest", value={"digest": DIGESTS[name]})(call)


def _pushed(name: str) -> Rule:
    """Let a push of an image tell its digest, whatever the registry."""

    def rule(call: Call) -> Answer | None:
        last = next((found.argv for found in call.chain() if found.field == "withExec"), ())
        if f"/synapse-{name}" not in " ".join(last):
            return None
        return printing("image", "push", value={"digest": DIGESTS[name]})(call)

    return rule
