"""Objects: nothing new is overwritten, and what was put can be put again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.first.lake import Lake, LakeError
from tests.faulty_s3 import FaultyS3
from tests.lake.things import assert_told


def test_put_writes_a_new_object(lake: Lake) -> None:
    """What was put is what is read."""
    lake.put("a/b", b"hello")
    assert lake.get("a/b") == b"hello"
    assert lake.size("a/b") == 5


def test_put_never_overwrites(lake: Lake) -> None:
    """A second put of other bytes fails by name, and the first bytes stay."""
    lake.put("a/b", b"first")
    with pytest.raises(LakeError) as error:
        lake.put("a/b", b"second")
    assert_told(error.value, f"s3://{lake.bucket}/a/b", "never overwritten", "start a new run")
    assert lake.get("a/b") == b"first"


def test_put_of_the_same_bytes_can_be_repeated(lake: Lake) -> None:
    """A task that runs again puts its own bytes again, and nothing happens."""
    lake.put("a/b", b"same")
    lake.put("a/b", b"same")
    assert list(lake.keys("a/")) == ["a/b"]


def test_put_is_done_when_only_its_answer_was_lost(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """The client repeats the put, is told that the key exists, and knows its own bytes."""
    proxy.drop_reply("PUT")
    shaky.put("a/b", b"hello")
    assert lake.get("a/b") == b"hello"
    assert [call.method for call in proxy.changes] == ["PUT", "PUT"]


def test_put_that_lost_a_race_leaves_the_winners_bytes(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """Another writer that comes in between wins, and the loser is told."""
    proxy.before(lambda: lake.put("a/b", b"winner"), "PUT")
    with pytest.raises(LakeError):
        shaky.put("a/b", b"loser")
    assert lake.get("a/b") == b"winner"


def test_a_put_out_of_sixteen_wins(lake: Lake) -> None:
    """Sixteen writers of one key: one is right, fifteen are told, the bytes are the winner's."""

    def put(number: int) -> int | None:
        try:
            lake.put("a/b", str(number).encode())
        except LakeError:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        (winner,) = [n for n in pool.map(put, range(16)) if n is not None]
    assert lake.get("a/b") == str(winner).encode()


def test_a_projection_is_replaced_with_its_origin(lake: Lake) -> None:
    """A projection overwrites, and body and metadata change together."""
    assert lake.made_from("p") is None
    lake.project("p", b"one", {"version": "1"})
    lake.project("p", b"two", {"version": "2"})
    assert (lake.get("p"), lake.made_from("p")) == (b"two", {"version": "2"})


def test_a_copy_is_made_inside_s3(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """A copied projection has its own metadata, and its body never travels."""
    lake.project("source", b"body", {"of": "the source"})
    shaky.project_copy("source", "copy", {"sha256": "abc"})
    assert (lake.get("copy"), lake.made_from("copy")) == (b"body", {"sha256": "abc"})
    assert [call.method for call in proxy.calls] == ["COPY"]


def test_keys_are_listed_whole_and_by_level(lake: Lake) -> None:
    """A prefix lists all below it, or only its own level."""
    for key in ("p/1", "p/2", "p/q/3", "r"):
        lake.put(key, b"")
    assert list(lake.keys("p/")) == ["p/1", "p/2", "p/q/3"]
    assert list(lake.keys("p/", recursive=False)) == ["p/1", "p/2"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(lake: Lake) -> None:
    """Deleting twice is the same as once; reading then says what is missing."""
    lake.put("a/b", b"")
    lake.delete("a/b")
    lake.delete("a/b")
    with pytest.raises(FileNotFoundError) as error:
        lake.get("a/b")
    assert_told(error.value, f"s3://{lake.bucket}/a/b does not exist")


def test_work_at_once_keeps_its_order_and_raises_what_failed(lake: Lake) -> None:
    """Results come in the order of the items; the first failure is raised."""
    lake.at_once(lambda n: lake.put(f"n/{n}", str(n).encode()), range(20))
    assert lake.at_once(lambda n: int(lake.get(f"n/{n}")), range(20)) == list(range(20))
    with pytest.raises(FileNotFoundError, match="n/20 "):
        lake.at_once(lambda n: lake.get(f"n/{n}"), range(15, 25))
