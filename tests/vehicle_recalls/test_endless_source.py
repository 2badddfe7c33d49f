"""A source that gives its first page again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from include.first.lake import Lake
from include.vehicle_recalls.extract import READS, SourceChanged, land, take_census
from include.vehicle_recalls.source import Batch, Page
from tests.vehicle_recalls.test_histories import SmallSource

ENOUGH = 20


@dataclass
class EndlessSource(SmallSource):
    """Ignores the offset: every page is the first one."""

    reads: list[int] = field(default_factory=list)  # the pages that each read took

    def pages(self, batch: Batch) -> Iterator[Page]:
        self.reads.append(0)
        (page,) = super().pages(batch)
        while self.reads[-1] < ENOUGH:
            self.reads[-1] += 1
            yield page
        pytest.fail(f"a source of {len(self.rows)} rows was asked for {ENOUGH} pages of them")


def test_a_source_that_ignores_the_offset_is_given_up(lake: Lake):
    """Each try ends at the page that is too much, and after the last try the batch fails."""
    source = EndlessSource(
        [{"nhtsa_id": key, "report_received_date": "2020-01-01T00:00:00.000"} for key in "ABC"]
    )
    (part,) = take_census(source, lake, [], "a test")
    with pytest.raises(SourceChanged, match="6 rows came but only 3 different ones"):
        land(source, lake, part)
    assert source.reads == [2] * READS
