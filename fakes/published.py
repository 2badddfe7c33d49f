"""The recalls dataset as it stands: one day of one made-up source, with what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fakes.control import CONDITIONS, Fault
from fakes.made_up_days import year_of_day
from fakes.made_up_plan import plan
from fakes.matching import REPORTED
from fakes.row_ids import system_columns

FIRST_REFRESH = datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
TYPES = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
    ":version": "row_version",
    REPORTED: "floating_timestamp",
    "nhtsa_id": "text",
    "recall_link": "url",
    "manufacturer": "text",
    "subject": "text",
    "component": "text",
    "mfr_campaign_number": "text",
    "recall_type": "text",
    "potentially_affected": "number",
    "defect_summary": "text",
    "consequence_summary": "text",
    "corrective_action": "text",
    "fire_risk_when_parked": "text",
    "do_not_drive": "text",
    "completion_rate": "number",
}
# What `dirty` puts in the place of a value; the others are handled where they are applied.
REPLACED: dict[str, tuple[str, str | None]] = {
    "bad_date": (REPORTED, "sometime in spring"),
    "missing_date": (REPORTED, None),
    "missing_key": ("nhtsa_id", None),
    "wrong_type": ("potentially_affected", "many"),
    "negative_number": ("potentially_affected", "-5"),
    "completion_over_100": ("completion_rate", "130.5"),
}
WRITING = ("link_as_string", "json_number")
DUPLICATE = "duplicate_key"
ODD = "odd writing"  # not a column of the dataset: how a row differs in its JSON


@dataclass(frozen=True)
class Published:
    """Hashable, so that what was made from it can be remembered."""

    rows: int
    seed: int
    day: int
    conditions: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()

    @classmethod
    def under(cls, faults: Iterable[Fault], rows: int, seed: int, day: int) -> Published:
        conditions = tuple(
            (fault.kind, tuple(sorted(fault.options.items())))
            for fault in faults
            if fault.kind in CONDITIONS
        )
        return cls(rows, seed, day, conditions)

    @property
    def refreshed(self) -> datetime:
        return FIRST_REFRESH + timedelta(days=self.day - 1)

    def options(self, kind: str) -> list[dict[str, Any]]:
        return [dict(options) for name, options in self.conditions if name == kind]

    def types(self) -> dict[str, str]:
        """The columns in their order, and what the publisher says they are."""
        types = dict(TYPES)
        for options in self.options("retyped_column"):
            types[options.get("name", "nhtsa_id")] = options.get("type", "number")
        for options in self.options("new_column"):
            types[options.get("name", "recall_region")] = "text"
        for options in self.options("missing_column"):
            types.pop(options.get("name", "component"), None)
        return types

    def counts(self) -> dict[int | None, int]:
        """Rows by report year, without making them; None is the rows without a date."""
        if self.options("empty"):
            return {}
        clean = plan(self.rows, self.seed, self.day).counts
        counts: dict[int | None, int] = {year: n for year, n in clean.items() if n}
        for which, year, rows in self._dirt():
            change = min(rows, clean.get(year, 0))
            if which == DUPLICATE:
                counts[year] = counts.get(year, 0) + change
            elif REPLACED.get(which, ("",))[0] == REPORTED:
                counts[year] = counts.get(year, 0) - change
                counts[None] = counts.get(None, 0) + change
        return {year: n for year, n in counts.items() if n}

    def year(self, year: int | None) -> pa.Table:
        """The rows of a report year, or those without a date, with every column there is."""
        if year is None:
            dirty = sorted({y for _, y, _ in self._dirt()})
            undated = [self._split(y)[1] for y in dirty]
            return pa.concat_tables(undated, promote_options="default")
        return self._split(year)[0]

    def _dirt(self) -> list[tuple[str, int, int]]:
        counts = plan(self.rows, self.seed, self.day).counts
        if not any(counts.values()):
            return []
        fullest = max(counts, key=lambda year: counts[year])
        return [
            (options["which"], options.get("year", fullest), options.get("rows", 3))
            for options in self.options("dirty")
        ]

    def _split(self, year: int) -> tuple[pa.Table, pa.Table]:
        """The dated and the undated rows of what is a year's on a clean day."""
        table = self._complete(year_of_day(self.rows, self.seed, self.day, year))
        dirt = [(which, rows) for which, of_year, rows in self._dirt() if of_year == year]
        if not dirt:
            return table, table.slice(0, 0)
        undated = np.zeros(table.num_rows, dtype=bool)
        at = 0
        for which, rows in dirt:
            hit = np.zeros(table.num_rows, dtype=bool)
            hit[at : at + rows] = True
            at += rows
            if which == DUPLICATE:
                table = pa.concat_tables(
                    [table, self._copies(table.filter(pa.array(hit)), year, at)]
                )
                undated = np.append(undated, np.zeros(table.num_rows - len(hit), dtype=bool))
                continue
            column, value = REPLACED.get(which, (ODD, which))
            changed = pc.if_else(pa.array(hit), pa.scalar(value, pa.string()), table[column])
            table = table.set_column(table.schema.get_field_index(column), column, changed)
            if column == REPORTED:
                undated |= hit
        return table.filter(pa.array(~undated)), table.filter(pa.array(undated))

    def _complete(self, table: pa.Table) -> pa.Table:
        numbers = table["number"].to_numpy()
        n = len(numbers)
        moment = pa.scalar(self.refreshed.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        columns: dict[str, Any] = {
            **system_columns(numbers, self.seed, self.day),
            ":created_at": pa.repeat(moment, n),
            ":updated_at": pa.repeat(moment, n),
            **{name: table[name] for name in table.column_names if name != "number"},
        }
        for options in self.options("new_column"):
            columns[options.get("name", "recall_region")] = pa.repeat("made up", n)
        if any(which in WRITING for which, _, _ in self._dirt()):
            columns[ODD] = pa.nulls(n, pa.string())
        return pa.table(columns)

    def _copies(self, table: pa.Table, year: int, at: int) -> pa.Table:
        """The same recalls once more, as rows of their own."""
        numbers = np.arange(table.num_rows) + 2**50 + year * 1_000_000 + at
        for name, values in system_columns(numbers, self.seed, self.day).items():
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, values)
        return table
