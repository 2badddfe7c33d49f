"""Where each key would live after a commit, and who gives way where one lives twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.years import KEPT

KEY = CONTRACT.key
# Where the row of a key would come from: this read, in a year that changes (ACCEPTED) or does not
# (SEEN); or the head, in a year that is older than this read (HEAD) or newer (LATER); or the head
# as it was when the batch was compared (KEPT_ROW). Of two published states the higher number stays.
KEPT_ROW, HEAD, SEEN, LATER, ACCEPTED = range(5)
LIVING = pa.schema([(KEY, pa.string()), ("year", pa.int32()), ("origin", pa.int8())])


class Place(NamedTuple):
    year: int
    origin: int


@dataclass
class Settlement:
    drops: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    returns: set[str] = field(default_factory=set)  # keys whose row must come back from the head
    copies: dict[str, list[Place]] = field(default_factory=dict)  # that the source has of one key
    superseded: int = 0  # rows that a later read has put into another year


def settle(living: pa.Table, held_back: pa.Array) -> Settlement:
    """Give each key one place; `held_back` are the keys of rows in the quarantine."""
    settlement = Settlement()
    repeated = [
        counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        for counts in key_counts(living[KEY])
    ]
    unclear = pa.concat_arrays([*repeated, held_back]).unique()
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for row in living.filter(pc.is_in(living[KEY], unclear)).to_pylist():
        places[row[KEY]].append(Place(row["year"], row["origin"]))
    held = set(held_back.to_pylist())
    for key in unclear.to_pylist():
        stay = sorted(places[key], key=lambda place: -place.origin)
        copies = [place for place in stay if place.origin in {ACCEPTED, SEEN}]
        accepted = [place for place in copies if place.origin == ACCEPTED]
        if len(copies) + (key in held) > 1:
            settlement.copies[key] = copies
            stay = [place for place in stay if place not in accepted]
        elif accepted and any(place.origin == LATER for place in stay):
            settlement.superseded += 1
            stay = [place for place in stay if place not in accepted]
        for place in places[key]:
            if place not in stay[:1]:
                settlement.drops[place.year].add(key)
        if not stay:
            settlement.returns.add(key)
    return settlement


def key_counts(keys: pa.ChunkedArray) -> Iterator[pa.StructArray]:
    """How often each key comes; by their beginnings, so that no one hash table holds them all."""
    beginnings = pc.utf8_slice_codeunits(keys, 0, 2)
    for beginning in beginnings.unique():
        yield keys.filter(pc.equal(beginnings, beginning)).value_counts()


def origin_of(staged: pa.Table) -> pa.ChunkedArray:
    return pc.if_else(staged[KEPT], KEPT_ROW, ACCEPTED)


def places_of(rows: pa.Table, origin: pa.ChunkedArray | int) -> pa.Table:
    if isinstance(origin, int):
        origin = pa.array(np.full(rows.num_rows, origin))
    return pa.table([rows[KEY], pc.year(rows[DATE]), origin], names=LIVING.names).cast(LIVING)
