"""The three aggregations, from counts that are kept by the content of each year.

A changed year is counted while its rows are in memory anyway; the others are known.
"""

import hashlib
import json
from functools import cache, partial
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from include.data.tables import concat, from_ipc, is_in, to_ipc, to_parquet
from include.lake.keys import Keys
from include.lake.landing import RawPages
from include.lake.plain_files import PlainFile
from include.lake.staging import StagedBatch, put_staged, read_table_file
from include.lake.store import Store, parallel_map
from include.lake.table import Version
from include.vehicle_recalls.contract import DATE, RECALLS

AGGREGATIONS = {
    "recalls_per_manufacturer_per_year": ["manufacturer", "year"],
    "recalls_per_component_per_year": ["component", "year"],
    "recalls_per_type_per_manufacturer": ["recall_type", "manufacturer"],
}
COUNTED_BY = {"component": ["component"], "manufacturer": ["manufacturer", "recall_type"]}
COLUMNS = [column for columns in COUNTED_BY.values() for column in columns]
KEYS = Keys(RECALLS.name)
COUNTS_KEY = KEYS.plain("aggregates/_counts.arrow")
COUNTS = pa.schema(
    [
        *((name, pa.string()) for name in [*COLUMNS, "counted_by", "content"]),
        ("recalls", pa.int64()),
    ]
)


def file_name(aggregation: str) -> str:
    return f"aggregates/{aggregation}.parquet"


def count_by_year(rows: pa.Table) -> pa.Table:
    """Recalls by year and component, and again by year, manufacturer and type."""
    years = pc.cast(RECALLS.partitions(rows), pa.string())
    rows = rows.select(COLUMNS).append_column("year", years)
    counts = []
    for name, columns in COUNTED_BY.items():
        by = ["year", *columns]
        counted = rows.group_by(by, use_threads=False).aggregate([([], "count_all")])
        counted = counted.select([*by, "count_all"]).rename_columns([*by, "recalls"])
        names = pa.array([name] * counted.num_rows)
        counts.append(counted.append_column("counted_by", names))
    return pa.concat_tables(counts, promote_options="default")


def stage_counts(store: Store, raw: RawPages, batch: StagedBatch, counts: pa.Table) -> StagedBatch:
    """Keep the counts of the changed years by the content that they are counts of."""
    if not batch["changed"]:
        return batch
    kept = [
        _with_content(
            counts.filter(pc.equal(counts["year"], year)), batch["parts"][year]["content"]
        )
        for year in batch["changed"]
    ]
    key = put_staged(store, RECALLS, raw, "counts", to_ipc([concat(kept)], COUNTS))
    return StagedBatch(**{**batch, "facts": {**batch["facts"], "counts_key": key}})


def aggregation_files(store: Store, version: Version) -> list[PlainFile]:
    """The three files as this version has them; the counts are read when one is out of date."""
    contents = {name: part["content"] for name, part in version.parts.items()}
    made_from = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()

    read_counts = cache(lambda: _current_counts(store, version))
    one_at_a_time = Lock()

    def render(by: list[str]) -> bytes:
        with one_at_a_time:
            counts = read_counts()
        return to_parquet(aggregated(counts, by))

    return [
        PlainFile(file_name(name), made_from, partial(render, by))
        for name, by in AGGREGATIONS.items()
    ]


def aggregated(counts: pa.Table, by: list[str]) -> pa.Table:
    """The counts of recalls, added up."""
    (name,) = COUNTED_BY.keys() & set(by)
    counts = counts.filter(pc.equal(counts["counted_by"], name))
    sums = counts.group_by(by, use_threads=False).aggregate([("recalls", "sum")])
    sums = sums.select([*by, "recalls_sum"]).rename_columns([*by, "recalls"])
    return sums.sort_by([(column, "ascending") for column in by])


def _current_counts(store: Store, version: Version) -> pa.Table:
    """Counts of every year: kept ones, staged ones, and of files that have neither."""
    year_of = {part["content"]: name for name, part in version.parts.items()}
    staged = [facts.get("counts_key") for facts in version.receipt["facts"].values()]
    missing = set(year_of)
    counts = [COUNTS.empty_table()]
    for key in [COUNTS_KEY, *(key for key in staged if key)]:
        body = store.get_if_exists(key)
        table = from_ipc(body)[0] if body else COUNTS.empty_table()
        if table.schema == COUNTS:  # an older Headwaters counted otherwise
            counts.append(table.filter(is_in(table["content"], missing)))
            missing -= set(counts[-1]["content"].unique().to_pylist())

    def count_file(content: str) -> pa.Table:
        path = version.parts[year_of[content]]["path"]
        rows = read_table_file(store, RECALLS, path, [DATE, *COLUMNS])
        return _with_content(count_by_year(rows), content)

    table = concat([*counts, *parallel_map(count_file, sorted(missing))])
    store.replace(COUNTS_KEY, to_ipc([table], COUNTS))
    years = pa.array([int(year) for year in year_of.values()], pa.int32())
    positions = pc.index_in(table["content"], pa.array(list(year_of), pa.string()))
    return table.append_column("year", years.take(positions))


def _with_content(counts: pa.Table, content: str) -> pa.Table:
    contents = pa.array([content] * counts.num_rows, pa.string())
    return counts.append_column("content", contents).select(COUNTS.names).cast(COUNTS)
