"""A bad network before a real S3 server: no value is taken for another, what is created is created once."""

from collections.abc import Callable

import pytest

from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.repository.s3_patience import Patience
from pipelines.ops.repository.store import KeyTakenError, UnreadableError
from tests.s3.between import Answer, Spoil, spoiled, unconditional
from tests.s3.versitygw import S3Server, store_of

QUICK = Patience(first=0.001, most=0.01)


def once(spoil: Callable[[Answer], Answer | None], method: str, times: int = 1) -> Spoil:
    """Spoil the first answers to a method whose status is 200."""
    left = [times]

    def change(called: str, path: str, answer: Answer) -> Answer | None:
        if called != method or answer.status != 200 or "list-type" in path or not left[0]:
            return answer
        left[0] -= 1
        return spoil(answer)

    return change


def _cut(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, answer.body, sent=len(answer.body) // 2)


def _flipped(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, bytes([answer.body[0] ^ 1]) + answer.body[1:])


@pytest.mark.parametrize("spoil", [_cut, _flipped, lambda _answer: None])
def test_a_spoiled_value_is_asked_for_again(
    server: S3Server, place: dict[str, str], spoil: Callable[[Answer], Answer | None]
) -> None:
    """A body that breaks off, has a wrong byte, or never comes is never taken for the value."""
    value = bytes(range(256)) * 4000
    store_of(place).put("objects/aa/one", value)
    with spoiled(server.endpoint, once(spoil, "GET")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        assert store.get("objects/aa/one", limit=len(value)) == value


@pytest.mark.parametrize(("spoil", "kind"), [(_cut, UnreachableError), (_flipped, UnreadableError)])
def test_a_value_that_stays_spoiled_is_an_error(
    server: S3Server, place: dict[str, str], spoil: Callable[[Answer], Answer | None], kind: type[OpsError]
) -> None:
    """After all tries it is said: a bad line for what breaks off, damage for what has a wrong sum."""
    store_of(place).put("config", b"0123456789")
    with spoiled(server.endpoint, once(spoil, "GET", times=100)) as address:
        with pytest.raises(kind) as caught:
            store_of(place | {"AWS_ENDPOINT_URL_S3": address}, patience=QUICK).get("config", limit=100)
        assert "config" in caught.value.what


def test_a_put_whose_answer_is_lost_is_ours(server: S3Server, place: dict[str, str]) -> None:
    """The second try finds the key taken by the first; a value of another is still a conflict."""
    with spoiled(server.endpoint, once(lambda _answer: None, "PUT")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        store.put("config", b"ours")
        with pytest.raises(KeyTakenError):
            store.put("config", b"other")
    assert store_of(place).get("config", limit=10) == b"ours"


def test_a_put_whose_answer_is_lost_may_be_another_s(server: S3Server, place: dict[str, str]) -> None:
    """What is found by the second try is compared: another machine was first."""

    def overtaken(_answer: Answer) -> None:
        store_of(place).put("config", b"theirs", replace=True)

    with spoiled(server.endpoint, once(overtaken, "PUT")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        with pytest.raises(KeyTakenError):
            store.put("config", b"oursss")
    assert store_of(place).get("config", limit=10) == b"theirs"


def test_looking_whether_it_can_be_written_leaves_no_object(server: S3Server, place: dict[str, str]) -> None:
    """The probe is taken away, also from where no listing of ours shows it."""
    store_of(place).check_writable()
    prefix = server.bucket_folder / place["SYNAPSE_REPOSITORY"].rpartition("/")[2]
    assert not [path for path in prefix.rglob("*") if path.is_file()]


def _refuse_puts(code: int, name: str) -> Spoil:
    def change(method: str, _path: str, answer: Answer) -> Answer:
        if method != "PUT":
            return answer
        return Answer(code, {}, f"<Error><Code>{name}</Code></Error>".encode())

    return change


def test_a_store_without_conditions_says_so_once(server: S3Server, place: dict[str, str]) -> None:
    """It is looked at first and written without a condition; a taken key is a conflict all the same."""
    said: list[str] = []
    with unconditional(server.endpoint) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address}, said=said)
        store.put("config", b"first")
        store.put("points/one", b"second")
        with pytest.raises(KeyTakenError):
            store.put("config", b"third")
    assert len(said) == 1
    assert "conditional puts" in said[0]
    assert store_of(place).get("config", limit=10) == b"first"
    assert store_of(place).get("points/one", limit=10) == b"second"


def test_creators_that_stay_in_a_race_end(server: S3Server, place: dict[str, str]) -> None:
    """A store that always says that another is just writing is given up on, with words."""
    with spoiled(server.endpoint, _refuse_puts(409, "ConditionalRequestConflict")) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address}, patience=QUICK)
        with pytest.raises(OpsError, match="at the same moment"):
            store.put("points/busy", b"")
