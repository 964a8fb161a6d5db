"""What a release for several platforms builds, tests and publishes, seen behind the SDK."""

import pytest

from tests.dag.recording.answers import Says, asked
from tests.dag.recording.graph import Call, parts
from tests.dag.recording.project import Project
from tests.dag.recording.recorder import Recorder, recording
from tests.dag.recording.scripts import going_well
from tests.dag.test_jobs import job

RELEASE = ("--registry", "registry.example/team", "--tag", "1")
BOTH = (*RELEASE, "--platform", "linux/amd64,linux/arm64/v8", "--platform", "linux/arm64")


def test_several_platforms_make_one_image(project: Project) -> None:
    """Each is built, all are normalised and pushed as one; the plan says that one of them alone is tested."""
    platforms = ("linux/amd64", "linux/arm64")
    chosen = [word for one in platforms for word in ("--platform", one)]
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *RELEASE, *chosen)
        shown = project.run(recorder, "release", *RELEASE, *chosen, "--plan")
    assert ended.code == 0, ended.stderr
    built = {
        (call.arguments.get("dockerfile"), call.arguments.get("target"), call.arguments["platform"])
        for call in recorder.calls().values()
        if call.field == "dockerBuild" and call.arguments.get("platform")
    }
    assert {platform for _, _, platform in built} == {*platforms}
    assert len(built) == 3 * len(platforms)
    packed = [call for call in recorder.calls().values() if call.field == "asTarball"]
    assert len(packed) == 3
    for call in packed:
        (variant,) = parts(call.arguments["platformVariants"], Call)
        platform = [one.arguments["platform"] for one in variant.chain() if one.field == "dockerBuild"]
        assert platform == ["linux/arm64"]
    for one in (one for one in recorder.execs_done() if "registry.example" in " ".join(one.argv)):
        assert {call.id for call in packed} & {*one.call.everything()}
    assert "linux/amd64, linux/arm64, of which the tests run the engine's own alone" in shown.stdout


def test_one_layout_for_every_platform_is_tested_and_published(project: Project) -> None:
    """The layout whose digest is told, which is imported to be tested, and which is pushed, is one."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *BOTH)
    assert ended.code == 0, ended.stderr
    normalised = {
        found.id: found.parent
        for found in called(recorder, "directory")
        if found.arguments.get("path") == "/scratch/image"
    }
    assert len(normalised) == 3
    for words in (("image", "digest"), ("image", "push"), ("tar", "--directory=/image")):
        used = {
            part.id
            for run in recorder.execs_done()
            if run.argv[: len(words)] == words or run.argv[1 : len(words) + 1] == words
            for call in run.call.chain()
            if call.field == "withMountedDirectory" and call.arguments["path"] == "/image"
            for part in parts(call.arguments["source"], Call)
        }
        assert used == {*normalised}, words


def test_what_works_on_images_is_built_for_the_engine(project: Project) -> None:
    """Commands of `synapse` run in the engine's own platform, whatever is published."""
    with recording(going_well()) as recorder:
        assert project.run(recorder, "release", *BOTH).code == 0
    for run in recorder.execs_done():
        if run.argv[:2] == ("synapse", "image"):
            assert platform_of(run.call) is None


def test_what_was_not_tested_is_said(project: Project) -> None:
    """By the step that publishes, and by the summary; and which platform was."""
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "release", *BOTH)
    assert ended.code == 0, ended.stderr
    assert "; tested on linux/amd64, and not on linux/arm64" in str(ended.steps["publish"]["found"])
    summary = (ended.reports / "summary.md").read_text()
    assert "- platform tested: `linux/amd64`" in summary
    assert "- platforms built and not tested: `linux/arm64`" in summary


def test_a_platform_that_no_gate_can_run_is_refused(project: Project) -> None:
    """Code 6 from the first step: nothing is built, nothing of it would have been tested."""
    with recording([asked("defaultPlatform", Says("linux/arm64")), *going_well()]) as recorder:
        ended = project.run(recorder, "release", *RELEASE, "--platform", "linux/amd64")
    assert (ended.code, ended.states()["publish"]) == (6, "not run")
    assert "This engine runs linux/arm64, and no gate could run what is for linux/amd64 alone" in ended.stderr
    assert not recorder.forced()


@pytest.mark.parametrize("words", ["amd64", "linux/", ",", "windows/amd64", "linux/amd64;linux/arm64"])
def test_a_word_that_is_no_platform_is_refused(words: str) -> None:
    """Code 2, before an hour of gates."""
    told = job("release", *RELEASE, "--platform", words)
    assert told.returncode == 2
    assert "is no platform such as linux/amd64" in told.stderr


def called(recorder: Recorder, field: str) -> list[Call]:
    """Return every call of a field."""
    return [call for call in recorder.calls().values() if call.field == field]


def platform_of(call: Call) -> object:
    """Return the platform that an image was built for."""
    built = next(found for found in call.chain() if found.field == "dockerBuild")
    return built.arguments.get("platform")
