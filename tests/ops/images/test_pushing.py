"""A layout is pushed to real registries: by digest, under tags, with each kind of login."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.ops.errors import ExitCode, OpsError, UnreachableError, UsageError
from pipelines.ops.images.login import read_login
from pipelines.ops.images.pushing import Push
from pipelines.ops.images.reference import parse_reference
from pipelines.ops.images.registry import Registry
from pipelines.ops.reporting import SilentReporter
from tests.ops.images.crafting import Entry, add_image, lay, layer, normal
from tests.ops.images.registries import NAME, PASSWORD, Served, basic, bearer, registry

OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a layout in normal form."""
    raw = lay(tmp_path / "raw", [layer([Entry("a", os.urandom(3_000_000))]), layer([Entry("b", b"1")])])
    normal(raw, tmp_path / "image")
    return tmp_path / "image"


@pytest.fixture
def open_registry(tmp_path: Path) -> Iterator[Served]:
    """Run a registry without logins."""
    with registry(tmp_path / "registry") as served:
        yield served


def push(layout: Path, reference: str, *more: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pipelines.ops.cli",
        "image",
        "push",
        layout,
        reference,
    ]
    return subprocess.run(
        [*command, "--plain-http", "--json", *more],
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def digest_at(served: Served, name: str, accept: str = OCI) -> str | None:
    """Return what a registry says the digest of a tag is."""
    url = f"http://{served.host}/v2/team/name/manifests/{name}"
    answer = httpx.head(url, headers={"Accept": accept}, trust_env=False)
    return str(answer.headers["Docker-Content-Digest"]) if answer.is_success else None


def test_an_image_is_pushed_by_digest_and_under_tags(image: Path, open_registry: Served) -> None:
    """The registry gives the very digest back; a second push sends nothing; every blob is there."""
    digest = json.loads((image / "index.json").read_text())["manifests"][0]["digest"]
    reference = f"{open_registry.host}/team/name"
    first = push(image, f"{reference}:1.2", "--tag", "latest")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["reference"] == f"{reference}@{digest}"
    assert (told["blobs_sent"], told["blobs_there"], told["tags"]) == (3, 0, ["1.2", "latest"])
    assert digest_at(open_registry, "1.2") == digest_at(open_registry, "latest") == digest
    again = json.loads(push(image, f"{reference}:1.2").stdout)
    assert (again["blobs_sent"], again["blobs_there"]) == (0, 3)
    for blob in (image / "blobs/sha256").iterdir():
        kind = "manifests" if blob.name == digest.removeprefix("sha256:") else "blobs"
        url = f"http://{open_registry.host}/v2/team/name/{kind}/sha256:{blob.name}"
        answer = httpx.get(url, headers={"Accept": OCI}, trust_env=False)
        assert answer.content == blob.read_bytes()


def test_an_index_is_pushed_with_all_its_images(tmp_path: Path, open_registry: Served) -> None:
    """Every platform's blobs and manifests, then the index."""
    raw = tmp_path / "raw"
    images = [
        add_image(raw, [layer([Entry("a", one.encode())])], architecture=one) for one in ("arm64", "amd64")
    ]
    (raw / "index.json").write_text(json.dumps({"manifests": images}))
    form = normal(raw, tmp_path / "image")
    done = push(tmp_path / "image", f"{open_registry.host}/team/name:many")
    assert done.returncode == 0, done.stderr
    assert digest_at(open_registry, "many", OCI_INDEX) == form.root.digest
    assert digest_at(open_registry, form.images[1].manifest.digest) == form.images[1].manifest.digest


def test_a_tag_of_another_image_is_not_moved_unasked(
    tmp_path: Path, image: Path, open_registry: Served
) -> None:
    """A taken tag is refused before anything is sent, and goes over with --move."""
    reference = f"{open_registry.host}/team/name:1.2"
    assert push(image, reference).returncode == 0
    normal(lay(tmp_path / "raw2", [layer([Entry("other")])]), tmp_path / "other")
    before = digest_at(open_registry, "1.2")
    refused = push(tmp_path / "other", reference)
    assert refused.returncode == ExitCode.REFUSED
    assert "1.2 is taken" in refused.stderr
    assert digest_at(open_registry, "1.2") == before
    assert push(tmp_path / "other", reference, "--move").returncode == 0
    assert digest_at(open_registry, "1.2") != before


def test_a_tag_that_is_to_come_is_only_looked_at(tmp_path: Path, image: Path, open_registry: Served) -> None:
    """With --free it is not set; one that another image has is refused before anything is sent."""
    reference = f"{open_registry.host}/team/name"
    assert push(image, reference, "--free", "1.2").returncode == 0
    url = f"http://{open_registry.host}/v2/team/name/manifests/1.2"
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.NOT_FOUND
    assert push(image, f"{reference}:1.2").returncode == 0
    assert push(image, reference, "--free", "1.2").returncode == 0
    form = normal(lay(tmp_path / "raw2", [layer([Entry("other")])]), tmp_path / "other")
    refused = push(tmp_path / "other", reference, "--free", "1.1", "--free", "1.2", "--move")
    assert (refused.returncode, "1.2 is taken" in refused.stderr) == (ExitCode.REFUSED, True)
    url = f"http://{open_registry.host}/v2/team/name/manifests/{form.root.digest}"
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_login_lets_in_and_shows_nowhere(tmp_path: Path, image: Path, kind: str) -> None:
    """Name and password from either kind of file; a wrong one and none are refused at once, in words."""
    if kind == "basic":
        with registry(tmp_path / "registry", basic(tmp_path)) as served:
            check_logins(tmp_path, image, served)
    else:
        with bearer(tmp_path / "tokens") as auth, registry(tmp_path / "registry", auth) as served:
            check_logins(tmp_path, image, served)


def check_logins(tmp_path: Path, image: Path, served: Served) -> None:
    """Push with no login, a wrong one, and right ones in both kinds of file."""
    login, docker = tmp_path / "login", tmp_path / "config.json"
    reference = f"{served.host}/team/name:1"
    nobody = push(image, reference)
    assert (nobody.returncode, "--login-file" in nobody.stderr) == (ExitCode.UNREACHABLE, True)
    login.write_text(f"{NAME}:wrong-{PASSWORD}\n")
    wrong = push(image, reference, "--login-file", login)
    assert wrong.returncode == ExitCode.UNREACHABLE
    assert f"lets {NAME} not push" in wrong.stderr
    login.write_text(f"{NAME}:{PASSWORD}\n")
    docker.write_text(json.dumps({"auths": {served.host: {"auth": "cHVzaGVyOmEtcmVnaXN0cnktcGFzc3dvcmQ="}}}))
    for file in (login, docker):
        done = push(image, reference, "--login-file", file)
        assert done.returncode == 0, done.stderr
    for one in (nobody, wrong, done):
        assert PASSWORD not in one.stdout + one.stderr
    assert PASSWORD not in served.log.read_text()


def test_a_damaged_layer_never_gets_a_tag(image: Path, open_registry: Served) -> None:
    """A registry refuses a blob that is not its digest, the blob is named, and no tag appears."""
    largest = max((image / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[1_000_000] ^= 1
    largest.write_bytes(content)
    done = push(image, f"{open_registry.host}/team/name:1")
    assert done.returncode == ExitCode.FAILED
    assert largest.name in done.stderr
    assert digest_at(open_registry, "1") is None


class Breaking(httpx.HTTPTransport):
    """A way to a real server on which the first uploads break off."""

    def __init__(self, breaks: int) -> None:
        super().__init__()
        self.left = breaks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Break, or pass on."""
        if request.method == "PUT" and self.left:
            self.left -= 1
            raise httpx.WriteError("broken on purpose", request=request)
        return super().handle_request(request)


@pytest.mark.parametrize(("breaks", "comes_through"), [(3, True), (4, False)])
def test_a_broken_upload_is_tried_again(
    image: Path, open_registry: Served, breaks: int, comes_through: bool
) -> None:
    """Three tries more, each after a longer wait; then it is said that nothing answers."""
    reference = parse_reference(f"{open_registry.host}/team/name:1")
    waits: list[float] = []
    with httpx.Client(transport=Breaking(breaks)) as client:
        work = Push(
            image,
            reference,
            Registry(client, reference, plain=True, login=None),
            SilentReporter(),
            waits.append,
        )
        if comes_through:
            assert work.run().sent == 3
        else:
            with pytest.raises(UnreachableError, match="broken on purpose"):
                work.run()
    assert waits == sorted(waits)
    assert len(waits) == 3
    assert (digest_at(open_registry, "1") is not None) is comes_through


def test_an_upload_is_never_sent_where_tls_ends() -> None:
    """A registry with TLS that sends us to a place without is refused; one without TLS may stay so."""
    reference = parse_reference("registry.example/name")
    with httpx.Client() as client:
        safe = Registry(client, reference, plain=False, login=None)
        assert str(safe.elsewhere("/v2/x?y=1")) == "https://registry.example/v2/x?y=1"
        with pytest.raises(OpsError, match="without TLS"):
            safe.elsewhere("http://registry.example/v2/x")
        plain = Registry(client, reference, plain=True, login=None)
        assert plain.elsewhere("http://other.example/x").host == "other.example"


def test_nobody_answers(image: Path) -> None:
    """An address where nothing listens, said at once."""
    done = push(image, "127.0.0.1:9/team/name:1")
    assert done.returncode == ExitCode.UNREACHABLE
    assert "127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("team/name:1", "'team'"),
        ("localhost:5000/Team", "'Team'"),
        ("localhost:5000/team:-1", "'-1'"),
        ("localhost:5000/team@sha256:00", "digest"),
        ("http://localhost:5000/team", "'http:'"),
        ("localhost:5000", "no repository"),
        ("localhost:5000/../x", "no repository"),
    ],
)
def test_references_that_are_none(text: str, named: str) -> None:
    """The part that cannot be used is named."""
    with pytest.raises(UsageError, match=named):
        parse_reference(text)


def test_references() -> None:
    """Host, repository and tags; Docker's own registry answers under another name."""
    one = parse_reference("ghcr.io/team/name:1", ("2", "1"))
    assert (one.address, one.path, one.tags, str(one)) == (
        "ghcr.io",
        "team/name",
        ("1", "2"),
        "ghcr.io/team/name",
    )
    docker = parse_reference("docker.io/redis")
    assert (docker.address, docker.path) == ("registry-1.docker.io", "library/redis")


@pytest.mark.parametrize("content", ["", "name", "name:", '{"auths": {}}', '{"auths": 5}', "{", "a:b\nc:d"])
def test_login_files_that_hold_none(tmp_path: Path, content: str) -> None:
    """The file is named, and nothing that is in it."""
    path = tmp_path / "login"
    path.write_text(content)
    with pytest.raises(UsageError, match=str(path)):
        read_login(path, "localhost:5000")
    with pytest.raises(UsageError, match="absent"):
        read_login(tmp_path / "absent", "localhost:5000")


def test_another_image_than_the_expected_one_is_not_sent(image: Path, open_registry: Served) -> None:
    """Neither a blob nor a tag is in the registry; the expected one is pushed."""
    reference = f"{open_registry.host}/team/expected"
    refused = push(image, reference, "--tag", "1", "--expect", "sha256:" + "0" * 64)
    assert refused.returncode == ExitCode.REFUSED, refused.stderr
    assert "not the expected" in json.loads(refused.stdout)["error"]["what"]
    url = f"http://{open_registry.host}/v2/team/expected/tags/list"
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.NOT_FOUND
    digest = json.loads((image / "index.json").read_text())["manifests"][0]["digest"]
    assert push(image, reference, "--tag", "1", "--expect", digest).returncode == 0
