"""Writers of one table take turns on its head; what they cannot do ends in one line."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include import in_turn
from include.first.in_turn import WRITERS, project_until_current, write_in_turn
from include.first.lake import CommitConflict, Head, Lake, LakeError

TABLE = "pipeline/table"


@pytest.fixture(autouse=True)
def passing(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """How often others were let pass; nobody waits."""
    passed: list[None] = []
    monkeypatch.setattr(in_turn, "let_others_pass", lambda: passed.append(None))
    return passed


def unwritten(version: int) -> str:
    raise AssertionError(f"nobody committed version {version}")


def test_the_outcome_of_the_writer_is_handed_on(lake: Lake, passing: list[None]) -> None:
    """Without anybody in between there is one turn."""
    heads: list[Head] = []

    def write(head: Head) -> str:
        heads.append(head)
        return "done"

    assert write_in_turn(lake, TABLE, "T", -1, write=write, written=unwritten) == "done"
    assert [head.version for head in heads] == [-1]
    assert not passing


def test_who_always_loses_gives_up(lake: Lake, passing: list[None]) -> None:
    """After as many turns as others may be in line, in one line that says what to do."""

    def write(_: Head) -> str:
        raise CommitConflict("another writer was first")

    with pytest.raises(LakeError, match=f"{WRITERS} other writers committed first.+Run again"):
        write_in_turn(lake, TABLE, "T", -1, write=write, written=unwritten)
    assert len(passing) == WRITERS


def test_what_is_no_lost_race_is_told_at_once(lake: Lake, passing: list[None]) -> None:
    """The head is looked at once more, for the answer may be lost and not the commit."""
    turns: list[Head] = []

    def write(head: Head) -> str:
        turns.append(head)
        raise LakeError("the store is full")

    with pytest.raises(LakeError, match="the store is full"):
        write_in_turn(lake, TABLE, "T", -1, write=write, written=unwritten)
    assert len(turns) == 1
    assert not passing


def test_a_commit_whose_answer_was_lost_is_found(lake: Lake) -> None:
    """It is not done a second time, however the loss showed."""
    lake.create(TABLE, pa.schema([pa.field("vin", pa.string())]))

    def write(head: Head) -> str:
        lake.commit(TABLE, head, [], [], {"token": "T"})
        raise LakeError("no answer")

    assert write_in_turn(lake, TABLE, "T", 0, write=write, written=str) == "1"
    assert lake.head(TABLE).version == 1


def test_projecting_ends_when_the_head_holds_still(lake: Lake) -> None:
    """What was rewritten in each turn is told."""
    assert project_until_current(lake, TABLE, lambda head: [str(head.version)]) == ["-1"]
