"""What a read would make of the table, as reconcile plans it and the audit looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from include.vehicle_recalls.state import YearState
from include.vehicle_recalls.write import Candidate


@dataclass(frozen=True)
class Plan:
    years: dict[int, YearState]  # the table after the commit
    changed: dict[int, YearState]  # the years that differ from the head; no path: the year goes
    candidates: dict[int, Candidate]  # the files of those
    left_alone: list[int]  # the head knows these from a later read
    overtaken: list[int]  # an older read changed these meanwhile; the next run brings them
    accepted: int  # rows that this read brought, in the years it read
    kept: int  # rows of those years that stay from before
    kept_keys: pa.Array  # their keys; empty when nothing changes
    rows_read: int  # rows of those years in their files
    set_aside: int  # rows that only publish could tell to be copies
    not_newer: int  # sound rows for which the table has a later read, or will by the next run
    quarantine: pa.Table
    distinct_keys: int | None  # of the whole table; None when nothing changes
