"""What a read would make of the table: which years change, and where each key then lives.

A year's candidate was made by one batch, and compared with the head of that moment. Only here is
the whole seen: keys that moved between years or batches, and a head that others moved meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.vehicle_recalls.accept import QUARANTINE_SCHEMA, raw_rows
from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.extract import Read
from include.vehicle_recalls.partition import StagedYear, kept_rows, read_ipc
from include.vehicle_recalls.places import (
    HEAD,
    KEPT_ROW,
    KEY,
    LATER,
    LIVING,
    SEEN,
    Place,
    Settlement,
    key_counts,
    origin_of,
    places_of,
    settle,
)
from include.vehicle_recalls.plan import Plan
from include.vehicle_recalls.state import YearState, year_states
from include.vehicle_recalls.write import Candidate, Written, write_candidate
from include.vehicle_recalls.years import (
    KEPT,
    NOTHING,
    STAGED_SCHEMA,
    content_hash,
    flagged,
    split_by_year,
)

KEYS = Keys(CONTRACT.name)


def reconcile(lake: Lake, head: Head, read: Read, batches: Sequence[Written]) -> Plan:
    return _Reconciliation(lake, head, read, batches).plan()


class _Reconciliation:
    """One read held against one head. `rows` has the few years that must be written anew."""

    def __init__(self, lake: Lake, head: Head, read: Read, batches: Sequence[Written]) -> None:
        self.lake, self.head, self.read = lake, head, read
        self.before = year_states(head.receipt)
        self.batch_of = {int(year): batch for batch in batches for year in batch["staged"]["years"]}
        set_aside = [batch["staged"]["quarantine_key"] for batch in batches]
        self.quarantine = pa.concat_tables(
            [
                QUARANTINE_SCHEMA.empty_table(),
                *(table for key in set_aside if key for table in read_ipc(lake, key)),
            ]
        )
        self.held_back = self.quarantine["nhtsa_id"].drop_null().unique()
        self.last_modified = max(batch["staged"]["last_modified"] for batch in batches)
        self.left_alone: list[int] = []  # the head knows them from a later read
        self.overtaken: list[int] = []  # changed by an older read since this one was compared
        self.changing: list[int] = []
        self.rows: dict[int, pa.Table] = {}
        self.kept_in_same: set[str] = set()  # keys of kept rows in years that do not change
        self.kept_of: dict[int, pa.ChunkedArray] = {}  # keys of kept rows, as staged
        self.candidates: dict[int, Candidate] = {}
        self.set_aside = 0  # copies of keys that came in more than one batch
        self.set_aside_kept: list[str] = []  # of these, published rows that stay as they were
        self.superseded = 0  # rows that a later read has put into another year

    def plan(self) -> Plan:
        for year in sorted(self.batch_of):
            self._compare(year)
        distinct_keys = None
        if self.changing:
            living = self._living()
            settlement = settle(living, self.held_back)
            self.superseded = settlement.superseded
            self._set_aside(settlement.copies)
            self._rewrite(settlement)
            distinct_keys = self._count_keys(living)
        after = {year: self._state(year) for year in {*self.before, *self.batch_of, *self.rows}}
        changed = {
            year: state
            for year, state in sorted(after.items())
            if state.content != self._content_before(year)
        }
        read_here = [year for year in self.batch_of if self._is_current(year)]
        return Plan(
            years={year: state for year, state in sorted(after.items()) if state.path},
            changed=changed,
            candidates=self.candidates,
            left_alone=self.left_alone,
            overtaken=self.overtaken,
            accepted=self._sound(read_here) - self.set_aside - self.superseded,
            kept=sum(self._kept(year) for year in read_here) + len(self.set_aside_kept),
            kept_keys=self._kept_keys(read_here),
            rows_read=sum(after[year].rows for year in read_here),
            set_aside=self.set_aside,
            not_newer=self._sound(self.left_alone + self.overtaken) + self.superseded,
            quarantine=self.quarantine,
            distinct_keys=distinct_keys,
        )

    def _compare(self, year: int) -> None:
        staged, known = self.batch_of[year]["staged"], self.before.get(year)
        mine = self._staged(year)
        read_at = [staged["last_modified"], staged["answered_at"]]
        if (known or mine["rows"]) and self._known_at(year) > read_at:
            self.left_alone.append(year)
        elif mine["content"] == self._content_before(year):
            return
        elif year not in staged["changed"]:
            self.overtaken.append(year)  # its rows were not staged: the next run brings them
        else:
            self.changing.append(year)
            if mine["base"] != (known.sha256 if known else None):
                # An older read was committed since this year was compared: compare it anew.
                self.rows[year] = self._merged_anew(year)

    def _merged_anew(self, year: int) -> pa.Table:
        staged = self._staged_rows(year)
        accepted = staged.filter(pc.invert(staged[KEPT]))
        full = not self.read["years"]
        kept = kept_rows(self.lake, self.head, [year], accepted, self.quarantine, full=full)
        return pa.concat_tables([accepted, kept])

    def _living(self) -> pa.Table:
        """Every key the table would have, with its year and where its row comes from."""
        parts = [places_of(rows, origin_of(rows)) for rows in self.rows.values()]
        for key in {batch["staged"]["keys_key"] for batch in self.batch_of.values()}:
            for rows in read_ipc(self.lake, key) if key else []:
                self.kept_of[_year_of(rows)] = kept = rows.filter(rows[KEPT])[KEY]
                if _year_of(rows) not in self.changing:
                    self.kept_in_same.update(kept.to_pylist())
                elif _year_of(rows) not in self.rows:
                    parts.append(places_of(rows, origin_of(rows)))
        others = [year for year in self.before if year not in self.changing]
        for year, rows in zip(others, self._head_rows(others, [KEY, DATE]), strict=True):
            if year in self.left_alone or self.before[year].last_modified > self.last_modified:
                origin = LATER
            elif not self._is_current(year):
                origin = HEAD
            else:
                origin = pc.if_else(self._stayed(rows), KEPT_ROW, SEEN)
            parts.append(places_of(rows, origin))
        return pa.concat_tables([LIVING.empty_table(), *parts])

    def _set_aside(self, copies: Mapping[str, list[Place]]) -> None:
        """Copies of one key came in several batches: all go to the quarantine."""
        by_batch: defaultdict[str, set[str]] = defaultdict(set)
        batches = {}
        for key, places in copies.items():
            for place in places:
                batch = self.batch_of[place.year]
                batches[batch["staged"]["label"]] = batch
                by_batch[batch["staged"]["label"]].add(key)
        found = [
            {"nhtsa_id": key, "reasons": f"{KEY}: {key} comes in more than one place", "raw": raw}
            for label, keys in sorted(by_batch.items())
            for key, raw in raw_rows(self.lake, batches[label]["staged"]["pages"], keys)
        ]
        more = pa.Table.from_pylist(found, schema=QUARANTINE_SCHEMA)
        self.quarantine = pa.concat_tables([self.quarantine, more])
        self.set_aside = sum(len(places) for places in copies.values())
        self.set_aside_kept = [
            key for key, places in copies.items() for place in places if place.origin == SEEN
        ]

    def _rewrite(self, settlement: Settlement) -> None:
        drops, returns = settlement.drops, settlement.returns
        back: dict[int, pa.Table] = {}
        if returns:
            replaced = [year for year in self.changing if year in self.before]
            wanted = pa.array(sorted(returns), pa.string())
            found = self.lake.at_once(lambda year: self._from_head(year, wanted), replaced)
            back = dict(zip(replaced, found, strict=True))
        for year in {*drops, *(year for year, rows in back.items() if rows.num_rows)}:
            rows = self.rows.get(year)
            if rows is None:
                rows = self._staged_rows(year) if year in self.changing else self._as_head(year)
            gone = pa.array(sorted(drops.get(year, ())), pa.string())
            rows = rows.filter(pc.invert(pc.is_in(rows[KEY], gone)))
            self.rows[year] = pa.concat_tables([rows, back.get(year, rows.slice(0, 0))])
        self.rows = {
            year: split_by_year(rows).get(year, STAGED_SCHEMA.empty_table())
            for year, rows in self.rows.items()
        }

    def _count_keys(self, living: pa.Table) -> int:
        rewritten = pa.array(list(self.rows), pa.int32())
        untouched = living.filter(pc.invert(pc.is_in(living["year"], rewritten)))[KEY]
        chunks = [*untouched.chunks, *(c for t in self.rows.values() for c in t[KEY].chunks)]
        return sum(len(counts) for counts in key_counts(pa.chunked_array(chunks, pa.string())))

    def _state(self, year: int) -> YearState:
        """The year after the commit; a year written anew gets its candidate here."""
        known, batch = self.before.get(year), self.batch_of.get(year)
        state = known or YearState("", "", NOTHING, 0, "", "")
        if batch and self._is_current(year):
            staged = batch["staged"]
            state = state._replace(
                last_modified=staged["last_modified"], answered_at=staged["answered_at"]
            )
        made: Candidate | None
        if year in self.rows:
            content = content_hash(self.rows[year])
            if content == state.content:
                return state
            made = None
            if self.rows[year].num_rows:
                made = write_candidate(self.lake, self.read["token"], year, self.rows[year])
        elif batch and year in self.changing:
            content, made = self._staged(year)["content"], batch["candidates"].get(str(year))
        else:
            return state
        if made is None:
            return state._replace(path="", sha256="", content=NOTHING, rows=0, nulls={})
        self.candidates[year] = made
        return state._replace(
            path=made["path"],
            sha256=made["sha256"],
            content=content,
            rows=made["rows"],
            nulls=made["nulls"],
        )

    def _sound(self, years: Sequence[int]) -> int:
        return sum(self._staged(year)["rows"] - self._staged(year)["kept"] for year in years)

    def _known_at(self, year: int) -> list[str]:
        """When the head's year was read; one that it does not have was not there either."""
        if known := self.before.get(year):
            return [known.last_modified, known.answered_at]
        return list(self.head.receipt.get("read_whole", ["", ""]))

    def _is_current(self, year: int) -> bool:
        """Whether this read says what the year is."""
        return year in self.batch_of and year not in self.left_alone + self.overtaken

    def _staged(self, year: int) -> StagedYear:
        return self.batch_of[year]["staged"]["years"][str(year)]

    def _kept(self, year: int) -> int:
        if year in self.rows:
            return pc.sum(self.rows[year][KEPT]).as_py() or 0
        return self._staged(year)["kept"]

    def _kept_keys(self, years: Sequence[int]) -> pa.Array:
        parts = [pa.array(self.set_aside_kept, pa.string())]
        for year in years:
            if year in self.rows:
                parts += self.rows[year].filter(self.rows[year][KEPT])[KEY].chunks
            elif year in self.kept_of:
                parts += self.kept_of[year].chunks
        return pa.concat_arrays(parts)

    def _content_before(self, year: int) -> str:
        return self.before[year].content if year in self.before else NOTHING

    def _staged_rows(self, year: int) -> pa.Table:
        key = self.batch_of[year]["staged"]["rows_key"]
        found = [t for t in read_ipc(self.lake, key) if _year_of(t) == year] if key else []
        return found[0] if found else STAGED_SCHEMA.empty_table()

    def _from_head(self, year: int, keys: pa.Array) -> pa.Table:
        (rows,) = self._head_rows([year])
        return flagged(rows.filter(pc.is_in(rows[KEY], keys)), kept=True)

    def _as_head(self, year: int) -> pa.Table:
        (rows,) = self._head_rows([year])
        return flagged(rows, kept=self._stayed(rows))

    def _stayed(self, rows: pa.Table) -> pa.ChunkedArray:
        return pc.is_in(rows[KEY], pa.array(sorted(self.kept_in_same), pa.string()))

    def _head_rows(self, years: Sequence[int], columns: list[str] | None = None) -> list[pa.Table]:
        paths = [f"{KEYS.table}/{self.before[year].path}" for year in years]
        return self.lake.at_once(lambda key: self.lake.read_parquet(key, columns), paths)


def _year_of(rows: pa.Table) -> int:
    return int(rows[DATE][0].as_py().year)
