"""The Parquet export of the cache: content, snapshot and errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.vin_service import cache as cache_module
from include.vin_service.cache import Cache, CacheError
from include.vin_service.vpic import Verdict
from tests.vin_service.test_cache import put

COLUMNS = ["vin", "make", "model", "model_year", "body_class"]
SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in COLUMNS])


def cars(n: int) -> list[Verdict]:
    """Unsorted vehicles; some have special characters or no body class."""
    return [
        Verdict(
            f"1HG{(number * 7919) % 100_003:014}",
            make=("HONDA", "Škoda \"é', NA\\")[number % 2],
            model=f"Model {number % 7}",
            model_year=str(1990 + number % 7),
            body_class=("", "Coupe")[number % 2],
        )
        for number in range(n)
    ]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    monkeypatch.setattr(cache_module, "ROW_GROUP", 10)
    cache = Cache(tmp_path / "vins.db")
    yield cache
    cache.close()


def rows(vehicles: list[Verdict]) -> list[dict[str, str]]:
    return [{name: getattr(one, name) for name in COLUMNS} for one in sorted(vehicles)]


def wal_is_free(path: Path) -> bool:
    """True when no reader holds a snapshot."""
    with closing(sqlite3.connect(path, timeout=0)) as other:
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return busy == 0


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 20, 95])
def test_export_has_each_vehicle_once_sorted_by_vin(cache: Cache, n: int) -> None:
    put(cache, *cars(n), Verdict("9" * 17, "not one of them"), source="made-up:1")
    body = b"".join(cache.export())
    table = pq.read_table(BytesIO(body))
    assert table.schema.remove_metadata() == SCHEMA
    assert table.to_pylist() == rows(cars(n))
    assert table.schema.metadata == {b"source": b"made-up:1"}
    assert pq.ParquetFile(BytesIO(body)).num_row_groups == -(-n // 10)
    assert b"".join(cache.export()) == body


def test_export_is_a_snapshot_without_a_temporary_file(cache: Cache) -> None:
    before = cars(60)
    put(cache, *before)
    files = set(cache.path.parent.iterdir())
    pieces = cache.export()
    first = next(pieces)
    put(cache, *(one._replace(model="Changed") for one in before))
    put(cache, Verdict("Z" * 17, "", "NEW", "New", "2026", ""))
    cache.remove(before[0].vin)
    assert set(cache.path.parent.iterdir()) == files
    table = pq.read_table(BytesIO(first + b"".join(pieces)))
    assert table.to_pylist() == rows(before)


def test_export_closed_early_frees_the_snapshot(cache: Cache) -> None:
    put(cache, *cars(60))
    pieces = cache.export()
    next(pieces)
    put(cache, Verdict("Z" * 17, "", "NEW", "New", "2026", ""))
    assert not wal_is_free(cache.path)
    pieces.close()
    assert wal_is_free(cache.path)


def test_export_of_a_damaged_cache_is_a_cache_error(cache: Cache) -> None:
    put(cache, *cars(60))
    with closing(sqlite3.connect(cache.path)) as other, other:
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'answers'")
    with pytest.raises(CacheError, match="cannot be used"):
        b"".join(cache.export())
