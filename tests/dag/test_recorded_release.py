"""What a release refuses, and in which order it publishes, seen behind the SDK."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dag.recording.answers import Fails, printing, running
from tests.dag.recording.project import GIT, Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import DIGESTS, going_well

PUSH = ("image", "push")
WHERE = ("--registry", "registry.example/team")


def test_every_image_is_there_before_one_gets_a_tag(project: Project) -> None:
    """By digest first; then under its own tags; and the tags that go over from the last release come last."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1", "--tag", "1.2", "--move", "latest")
    assert ended.code == 0, ended.stderr
    order = [*pushed(recorder)]
    assert [tags for _, tags, _ in order] == [[]] * 3 + [["1", "1.2"]] * 3 + [["latest"]] * 3
    assert [moved for _, _, moved in order] == [False] * 6 + [True] * 3
    assert len({image for image, _, _ in order}) == 3


def test_an_image_of_a_release_is_that_of_a_commit(project: Project) -> None:
    """Changes that came after the tree was looked at are refused when the image is built."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, "release", *WHERE, "--tag", "1").code == 0
    epochs = [argv for argv in project.asked() if argv[:2] == ("image", "epoch")]
    assert epochs
    assert not any("--allow-dirty" in argv for argv in epochs)


def test_a_registry_that_dies_between_images_leaves_no_tag(project: Project) -> None:
    """Two are there by their digests only, and the step fails with the command's code."""
    rule = running(("image", "push", "/image", "registry.example/team/synapse-frontend"), Fails(5), "stdout")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert (ended.code, ended.states()["publish"]) == (5, "failed")
    assert [tags for _, tags, _ in pushed(recorder)] == [[]] * 3


def test_a_registry_that_dies_between_tags_leaves_a_word(project: Project) -> None:
    """Which images have the tag is said, and that the same commit can be published again."""
    place = "registry.example/team/synapse-ops"
    rule = running(("image", "push", "/image", place, "--tag"), Fails(5), "stdout")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert (ended.code, ended.states()["publish"]) == (5, "failed")
    reason = str(ended.steps["publish"]["reason"])
    assert "1 named backend by then, and perhaps ops: publish the same commit again" in reason
    assert [tags for _, tags, _ in pushed(recorder)] == [[]] * 3 + [["1"]] * 2


def test_every_tag_is_looked_at_before_one_is_set(project: Project) -> None:
    """Else one image would have it when the next is refused; one that goes over may be another's."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1", "--tag", "1.2", "--move", "latest")
    assert ended.code == 0, ended.stderr
    pushes = [one.argv for one in recorder.execs_done() if "registry.example" in " ".join(one.argv)]
    looking = [argv for argv in pushes if "--tag" not in argv]
    assert len(looking) == 3
    for argv in looking:
        assert [argv[at + 1] for at, word in enumerate(argv) if word == "--free"] == ["1", "1.2"]
    assert not [argv for argv in pushes if "--tag" in argv and "--free" in argv]


def test_a_registry_that_dies_in_the_rehearsal_is_told(project: Project) -> None:
    """With the command's own words and code; no image got a tag, and the registry is not left running."""
    told = {"error": {"what": "The registry does not answer.", "hint": "Look at its log."}}
    rule = running(
        ("image", "push", "/image", "registry:5000/synapse-ops"), Fails(5, json.dumps(told)), "stdout"
    )
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "ci", "--only", "rehearse")
    assert (ended.code, ended.states()["rehearse"]) == (5, "failed")
    assert "The registry does not answer. Look at its log." in str(ended.steps["rehearse"]["reason"])
    assert not [one for one in recorder.execs_done() if "--tag" in one.argv]
    assert recorder.asked_of("start")
    assert recorder.asked_of("start") <= recorder.asked_of("stop")


def test_a_registry_on_this_machine_is_brought_into_the_network(project: Project) -> None:
    """A container has a loopback of its own; the report names the registry as the operator does."""
    with recording(going_well()) as recorder:
        where = ("--registry", "localhost:5001/team", "--plain-http")
        ended = project.run(recorder, "release", *where, "--tag", "1")
    assert ended.code == 0, ended.stderr
    pushing = [one for one in recorder.execs_done() if "registry:5001/team/synapse-ops" in one.argv]
    assert pushing
    for one in pushing:
        assert [call.field for call in one.bindings["registry"].chain()] == ["service", "host"]
    steps = ended.report()["steps"]
    assert isinstance(steps, list)
    assert steps[-1]["figures"]["ops"] == f"localhost:5001/team/synapse-ops@{DIGESTS['ops']}"


@pytest.mark.parametrize("name", DIGESTS)
def test_every_push_is_told_what_was_tested(project: Project, name: str) -> None:
    """The digest of that very image, as the step has told it which built it, before anything is sent."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1", "--move", "latest")
    pushes = [one.argv for one in recorder.execs_done() if f"/synapse-{name}" in " ".join(one.argv)]
    assert len(pushes) == 5  # two of them in the rehearsal
    assert {argv[argv.index("--expect") + 1] for argv in pushes} == {DIGESTS[name]}
    assert ended.figures("publish")[name].endswith(f"@{DIGESTS[name]}")


@pytest.mark.parametrize("at", [1, 2])
def test_what_was_not_tested_gets_no_tag(project: Project, at: int) -> None:
    """Another image than the tested one is refused: at its first push, or at the one with the tag."""
    place = "registry.example/team/synapse-ops"
    words = ("image", "push", "/image", place, *(("--tag",) if at == 2 else ()))
    told = {"error": {"what": "/image is another.", "hint": "Nothing was sent."}}
    rule = running(words, Fails(6, json.dumps(told)), "stdout")
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert (ended.code, ended.states()["publish"]) == (6, "failed")
    assert "/image is another. Nothing was sent." in ended.stderr
    assert ([tags for _, tags, _ in pushed(recorder)]) == ([[]] * 2 if at == 1 else [[]] * 3 + [["1"]] * 2)


@pytest.mark.parametrize("tagged", [False, True])
def test_a_registry_with_another_digest_fails_the_release(project: Project, tagged: bool) -> None:
    """What the registry has must be what the step has built, also when the second push differs."""
    told = {"digest": "sha256:" + "e" * 64}
    words = ("image", "push", "/image", "registry.example/team/synapse-backend")
    rule = printing(*words, *(("--tag",) if tagged else ()), value=told)
    with recording([rule, *going_well()]) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert (ended.code, ended.states()["publish"]) == (1, "failed")
    assert f"and {DIGESTS['backend']} was tested" in ended.stderr
    assert len([*pushed(recorder)]) == (4 if tagged else 1)


def test_an_image_whose_digest_is_not_known_stops_it_before_any_gate(project: Project) -> None:
    """Its words are those of `synapse pins lint`, and nothing is asked of the engine."""
    error = {"what": "The digest is not known of: redis.", "hint": "Run `synapse pins update`."}
    project.answering(pins_lint={"good": False, "error": error, "code": 1})
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert (ended.code, ended.states().pop("pins")) == (1, "failed")
    assert "The digest is not known of: redis. Run `synapse pins update`." in ended.stderr
    assert {state for name, state in ended.states().items() if name != "pins"} == {"not run"}
    assert ("pins", "lint", "--strict", "--json") in project.asked()
    assert not recorder.forced()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((*WHERE, "--tag", "not a tag"), 2, "'not a tag' is no tag"),
        ((*WHERE, "--tag", "1", "--move", "x/y"), 2, "'x/y' is no tag"),
        (("--registry", "registry.example/Team", "--tag", "1"), 2, "is no registry and folder"),
        ((*WHERE, "--tag", "v1"), 6, "v1 is a tag of another commit"),
    ],
)
def test_a_wrong_name_is_refused_before_anything(
    project: Project, words: tuple[str, ...], code: int, says: str
) -> None:
    """Not after an hour of gates; a tag that git knows must be this commit's."""
    for command in (("tag", "v1"), ("commit", "-q", "--allow-empty", "-m", "Later"), ("tag", "v2")):
        subprocess.run([*GIT, *command], cwd=project.folder, check=True)
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", "--json", *words)
    assert ended.code == code, ended.stderr
    assert says in json.loads(ended.stdout)["error"]["what"]
    assert not recorder.requests


def test_a_dirty_tree_is_refused_before_anything(project: Project) -> None:
    """Code 6, and the file is named."""
    (project.folder / "new.txt").write_text("not in a commit")
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "v2")
    assert ended.code == 6
    assert "The tree is dirty: new.txt." in ended.stderr
    assert not recorder.requests


@pytest.mark.parametrize("hidden", ["exclude", "excludesFile", "showUntrackedFiles"])
def test_a_file_that_only_this_git_ignores_is_in_the_way(project: Project, hidden: str) -> None:
    """The engine would be sent it: it knows the project's .gitignore files alone."""
    (project.folder / "new.txt").write_text("not in a commit")
    (project.folder / "__pycache__").mkdir()
    (project.folder / "__pycache__/old.txt").write_text("ignored by the project")
    hide(project.folder, hidden)
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1")
    assert ended.code == 6
    assert "The tree is dirty: new.txt." in ended.stderr


DIGEST = "sha256:" + "d" * 64
BASES = ("PYTHON_IMAGE", "REDIS_IMAGE", "NODE_IMAGE", "NGINX_IMAGE", "GO_IMAGE")


@pytest.mark.parametrize("variable", BASES)
@pytest.mark.parametrize(
    "image", ["mirror.example/base:1", f"mirror.example/base@{DIGEST.replace('d', 'e')}"]
)
def test_a_base_that_is_not_the_pinned_one_is_refused_before_anything(
    project: Project, variable: str, image: str
) -> None:
    """Without a digest, or with another one than the pin file's; code 6, and the plan shows it too."""
    pin(project, DIGEST)
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1", **{variable: image})
        shown = project.run(recorder, "release", "--plan", **{variable: image})
    assert ended.code == 6
    assert f"{variable} names" in ended.stderr
    assert ended.states()["pins"] == "not run"
    assert (shown.code, f"REFUSED: {variable} names" in shown.stdout) == (0, True)
    assert not recorder.requests


@pytest.mark.parametrize("known", ["", DIGEST])
def test_a_mirror_of_the_pinned_base_is_taken_and_told(project: Project, known: str) -> None:
    """Its name is another, its digest is not; the report names every base, those of the pin file too."""
    pin(project, known)
    mirror = f"mirror.example/base@{DIGEST}"
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *WHERE, "--tag", "1", NODE_IMAGE=mirror)
    assert ended.code == 0, ended.stderr
    facts = ended.report()["facts"]
    assert isinstance(facts, dict)
    assert facts["base node"] == mirror
    assert facts["base redis"] == "redis:7.4-bookworm" + (f"@{known}" if known else "")


def hide(folder: Path, how: str) -> None:
    """Let git keep quiet of new.txt, by a means that is no part of the project."""
    file, name, value = {
        "exclude": (".git/info/exclude", "core.excludesFile", ""),
        "excludesFile": (".git/hidden", "core.excludesFile", ".git/hidden"),
        "showUntrackedFiles": (".git/hidden", "status.showUntrackedFiles", "no"),
    }[how]
    (folder / file).write_text("new.txt\n")
    subprocess.run([*GIT, "config", name, value], cwd=folder, check=True)


def pin(project: Project, digest: str) -> None:
    """Give every pin of a project a digest, and commit it."""
    file = project.folder / "deploy/pins.toml"
    file.write_text(re.sub(r'^digest = ".*"$', f'digest = "{digest}"', file.read_text(), flags=re.MULTILINE))
    subprocess.run(
        [*GIT, "commit", "-q", "-a", "--allow-empty", "-m", "Pins"], cwd=project.folder, check=True
    )


def pushed(recorder: Recorder) -> Iterator[tuple[str, list[str], bool]]:
    """Yield image, tags and whether they go over, of each push to the registry of the release, in order."""
    for request in sorted(recorder.forced(), key=lambda one: one.came):
        last = next((one.argv for one in request.call.chain() if one.field == "withExec"), ())
        if last[1:3] == PUSH and last[4].startswith("registry.example"):
            tags = [last[at + 1] for at, word in enumerate(last) if word == "--tag"]
            yield last[4], tags, "--move" in last
