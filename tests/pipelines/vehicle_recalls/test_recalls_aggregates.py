"""The aggregations count every recall once, from stored counts or from the files."""

import pyarrow as pa
import pytest

from include.data.tables import from_parquet, to_ipc
from include.lake.store import Store
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.aggregates import AGGREGATIONS, COUNTS_KEY, file_name
from tests.pipelines.vehicle_recalls.recalls import DAF, FORD, KEYS, publish, recall

IN_2020 = {"report_received_date": "2020-05-06T00:00:00.000", "manufacturer": DAF}
ROWS = [
    recall(1),
    recall(2, component="TIRES", recall_type="Tire"),
    recall(3, manufacturer=None, component=None),
    recall(4, **IN_2020),
    recall(5, **IN_2020, component=None),
]
EXPECTED = {
    "recalls_per_manufacturer_per_year": [(DAF, 2020, 2), (FORD, 2019, 2), (None, 2019, 1)],
    "recalls_per_component_per_year": [
        ("SERVICE BRAKES", 2019, 1),
        ("SERVICE BRAKES", 2020, 1),
        ("TIRES", 2019, 1),
        (None, 2019, 1),
        (None, 2020, 1),
    ],
    "recalls_per_type_per_manufacturer": [
        ("Tire", FORD, 1),
        ("Vehicle", DAF, 2),
        ("Vehicle", FORD, 1),
        ("Vehicle", None, 1),
    ],
}
OLDER = pa.table({"content": ["0"], "recalls": [1]})


def aggregations(store: Store) -> dict[str, list[tuple[object, ...]]]:
    tables = {name: from_parquet(store.get(KEYS.plain(file_name(name)))) for name in AGGREGATIONS}
    return {name: [tuple(row.values()) for row in t.to_pylist()] for name, t in tables.items()}


def test_aggregate_with_nulls_and_edits_counts_each_recall_once(store: Store) -> None:
    publish(store, *ROWS[:4], recall(5, **IN_2020, component="SEATS"))
    pipeline.aggregate(store)
    publish(store, *ROWS, day=2)
    pipeline.aggregate(store)
    assert aggregations(store) == EXPECTED


@pytest.mark.parametrize("stored", [None, to_ipc([OLDER], OLDER.schema)])
def test_aggregate_without_valid_counts_reads_the_files(store: Store, stored: bytes | None) -> None:
    """The stored counts are missing or have an older layout."""
    publish(store, *ROWS)
    pipeline.aggregate(store)
    if stored is None:
        store.delete([COUNTS_KEY])
    else:
        store.replace(COUNTS_KEY, stored)
    store.delete(key for key in store.list("vehicle_recalls/staging"))
    store.delete(KEYS.plain(file_name(name)) for name in AGGREGATIONS)
    pipeline.aggregate(store)
    assert aggregations(store) == EXPECTED
