"""The answers of a session in which all goes well."""

from tests.dag.recording.answers import Rule, exporting, printing
from tests.dag.recording.project import POINT

DIGEST = "sha256:" + "d" * 64
SERVED = {"name": "documents", "epoch": "e1", "documents": 30}
_JUNIT = '<testsuites><testsuite tests="3" failures="0" errors="0" skipped="1"/></testsuites>'


def going_well() -> list[Rule]:
    """Return the rules: each command prints what the step after it reads."""
    return [
        printing("image", "digest", value={"digest": DIGEST}),
        printing(
            "image",
            "compare",
            value={
                "equal": True,
                "platforms": [{"files": {"only_in_a": [], "only_in_b": ["x"], "differing": {"y": ["time"]}}}],
            },
        ),
        printing(
            "image", "push", value={"reference": f"registry.example/team/synapse@{DIGEST}", "digest": DIGEST}
        ),
        printing("synapse", "backup", value={"point": POINT}),
        printing("synapse", "verify", value={"proofs": [{"good": True}]}),
        printing("synapse", "restore", value={"point": POINT}),
        printing("points", "served", value={"point": POINT, "collection": SERVED}),
        exporting(".xml", _JUNIT),
    ]
