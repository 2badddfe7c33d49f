"""A copy of a lake with all five pipelines: taken while they write, and restored elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.client import BaseClient

from fakes.made_up_books import BIG
from include.first.copying import order
from include.first.keys import LOG, Keys, SubjectKeys, Turn
from include.first.lake import Lake
from include.vehicle_recalls.__main__ import main
from include.vehicle_recalls.commands.changes import changes
from include.vehicle_recalls.commands.copy_lake import copy_lake
from tests.every_pipeline import World, references, world
from tests.vehicle_recalls.days import is_sound
from tests.vehicle_recalls.evidence import new_lake

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

PAGE = 5
BOOKS, RECALLS = SubjectKeys("subject_books"), Keys("vehicle_recalls")
# Plain files that say which version they are of, and where that is committed.
PLAIN = {
    BOOKS.current(BIG): BOOKS.versions(BIG),
    RECALLS.aggregate("recalls_per_type_per_manufacturer"): f"{RECALLS.table}/{LOG}/",
}


@pytest.fixture(scope="module")
def sources() -> Iterator[World]:
    with world() as found:
        yield found


@pytest.fixture(scope="module")
def lived_in(sources: World, s3: BaseClient, s3_url: str) -> Lake:
    """After two days of all pipelines, of which the second changed something in each."""
    lake = new_lake(s3, s3_url)
    sources.day(lake, 1)
    assert set(sources.day(lake, 2).values()) == {2}
    return lake


@pytest.fixture(scope="module")
def restored(lived_in: Lake, s3: BaseClient, s3_url: str) -> Lake:
    """Out of a copy of it, into a new bucket."""
    copy, restored = new_lake(s3, s3_url), new_lake(s3, s3_url)
    copy_lake(lived_in, copy)
    copy_lake(copy, restored)
    return restored


def test_what_refers_is_copied_after_what_it_refers_to(lived_in: Lake) -> None:
    """So a copy that is cut off anywhere has all that its commits and signs name."""
    named = references(lived_in)
    assert {Turn.of(key) for key in named} == {Turn.SIGNS, Turn.COMMITS, Turn.LEDGER_COMMITS}
    others = {Turn.of(key) for keys in named.values() for key in keys}
    assert others == {Turn.FILES, Turn.SIGNS, Turn.COMMITS, Turn.LEDGER_FILES}
    for key, keys in named.items():
        for other in keys:
            assert Turn.of(other) < Turn.of(key), f"{key} names {other}"
            assert order(other) < order(key), f"{key} names {other}"


def test_a_restored_lake_is_the_lake(lived_in: Lake, restored: Lake) -> None:
    """Every object but staging, byte for byte, with what projections were made from."""

    def objects(lake: Lake) -> dict[str, tuple[bytes, dict[str, str] | None]]:
        keys = [key for key in lake.keys("") if Turn.of(key) != Turn.NEVER]
        found = lake.at_once(lambda key: (lake.get(key), lake.made_from(key)), keys)
        return dict(zip(keys, found, strict=True))

    assert objects(restored) == objects(lived_in)


def test_a_restored_lake_answers_alike(
    lived_in: Lake,
    restored: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What changed, one recall's life, what was known on the first day: the same, to the byte."""
    changed = next(changes(lived_in))["nhtsa_id"][0].as_py()
    answers = []
    for lake in (lived_in, restored):
        monkeypatch.setenv("LAKE_BUCKET", lake.bucket)
        monkeypatch.setenv("LAKE_ENDPOINT_URL", lake.s3.meta.endpoint_url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        out = tmp_path / lake.bucket
        for asked in (
            ["changes"],
            ["history", changed],
            ["as-of", "2026-07-01", "--out", str(out)],
        ):
            assert main(asked) == 0
        files = {path.name: path.read_bytes() for path in out.glob("*.parquet")}
        assert files
        answers.append((capsys.readouterr().out.replace(lake.bucket, ""), files))
    assert answers[0] == answers[1]


class Observed(Lake):
    """A lake whose listings come in small pages; a pipeline may run where a page ends inside it."""

    listings = 0
    publishers: dict[tuple[int, str], Callable[[], object]]

    def objects(self, prefix: str = "", *, recursive: bool = True) -> Iterator[ObjectTypeDef]:
        assert recursive
        after, self.listings = "", self.listings + 1
        while True:
            page = self.s3.list_objects_v2(
                Bucket=self.bucket, Prefix=prefix, MaxKeys=PAGE, StartAfter=after
            ).get("Contents", [])
            if not page:
                return
            yield from page
            after = page[-1]["Key"]
            self.publishers.pop((self.listings, after.partition("/")[0]), lambda: None)()


def test_the_same_day_is_unchanged_in_a_restored_lake(sources: World, restored: Lake) -> None:
    """No pipeline commits anything, and nothing is posted again."""
    posted = len(sources.control.krakenflex.accepted)
    assert set(sources.day(restored, 2).values()) == {None}
    assert len(sources.control.krakenflex.accepted) == posted


@pytest.mark.parametrize("listing", [1, 2, 3])
def test_a_copy_that_is_taken_while_all_publish_is_whole(
    sources: World, restored: Lake, s3: BaseClient, s3_url: str, listing: int
) -> None:
    """The next day goes on in the restored lake, each pipeline in the middle of its own listing.

    The copy has all that its commits name, no plain file of a version that it has not.
    """
    sources.turn_to(2 + listing)
    busy = Observed(restored.s3, restored.bucket, restored.storage_options)
    busy.publishers = {
        (listing, name): lambda run=run: run(restored) for name, run in sources.runs.items()
    }
    copy = new_lake(s3, s3_url)
    copy_lake(busy, copy)
    assert not busy.publishers  # all were run
    there = set(copy.keys(""))
    for key, keys in references(copy).items():
        assert keys <= there, key
    for plain, commits in PLAIN.items():
        if made_from := copy.made_from(plain):  # one that has changed since waits for the next copy
            assert f"{commits}{int(made_from['version']):020}.json" in there
    is_sound(restored)
