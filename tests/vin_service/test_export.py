"""The Parquet file that the cache streams: what is in it, when it is read, and how it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.vin_service import export as export_module
from include.vin_service.cache import Cache, CacheError
from include.vin_service.export import export
from include.vin_service.vpic import Decoded, Unknown, Vehicle

COLUMNS = ["vin", "make", "model", "model_year", "body_class"]
SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in COLUMNS])


def cars(n: int) -> list[Vehicle]:
    """In no order, of seven kinds; some share a make or a body class, one has an odd name."""
    return [
        Vehicle(
            f"1HG{(number * 7919) % 100_003:014}",
            ("HONDA", "Škoda 'é'")[number % 2],
            f"Model {number % 7}",
            str(1990 + number % 7),
            ("", "Coupe")[number % 2],
            check_digit_wrong=number % 3 == 0,
        )
        for number in range(n)
    ]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache(tmp_path / "vins.db")
    yield cache
    cache.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "BATCH", 10)


def put(cache: Cache, *answers: Vehicle | Unknown, source: str = "official") -> None:
    cache.put(Decoded({answer.vin: answer for answer in answers}, source), 1)


def read(pieces: Iterator[bytes]) -> pa.Table:
    return pq.read_table(BytesIO(b"".join(pieces)))


def rows(vehicles: list[Vehicle]) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, one[:5], strict=True)) for one in sorted(vehicles)]


def wal_is_free(path: Path) -> bool:
    """True when no reader holds a snapshot, so that the whole log can be written back."""
    with closing(sqlite3.connect(path, timeout=0)) as other:
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return busy == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n", [1, 9, 10, 11, 20, 95])
def test_all_vehicles_are_in_it_by_vin(cache: Cache, n: int) -> None:
    """Below, at and beyond full row groups: each vehicle once, in order, as it was put."""
    put(cache, *cars(n), Unknown("9" * 17, "not one of them"), source="made-up:1")
    body = b"".join(export(cache))
    table = pq.read_table(BytesIO(body))
    assert table.schema.remove_metadata() == SCHEMA
    assert table.to_pylist() == rows(cars(n))
    assert table.schema.metadata == {b"source": b"made-up:1"}
    assert pq.ParquetFile(BytesIO(body)).num_row_groups == -(-n // 10)


def test_an_empty_cache_is_a_valid_file(cache: Cache) -> None:
    """No rows, and the schema all the same; so it is after the last vehicle was removed."""
    table = read(export(cache))
    assert (table.num_rows, table.schema.remove_metadata()) == (0, SCHEMA)
    (car,) = cars(1)
    put(cache, car)
    cache.remove(car.vin)
    table = read(export(cache))
    assert (table.num_rows, table.schema.remove_metadata()) == (0, SCHEMA)


@pytest.mark.usefixtures("small")
def test_the_same_cache_gives_the_same_bytes(cache: Cache) -> None:
    """Nothing of the moment is in the file."""
    put(cache, *cars(35))
    assert b"".join(export(cache)) == b"".join(export(cache))


@pytest.mark.usefixtures("small")
def test_it_is_a_snapshot(cache: Cache) -> None:
    """Vehicles that come, change and go between two pieces are as they were at the first."""
    before = cars(60)
    put(cache, *before)
    pieces = export(cache)
    first = next(pieces)
    put(cache, *(one._replace(model="Changed") for one in before))
    put(cache, Vehicle("Z" * 17, "NEW", "New", "2026", ""))
    cache.remove(before[0].vin)
    table = pq.read_table(BytesIO(first + b"".join(pieces)))
    assert table.to_pylist() == rows(before)
    assert "Changed" in read(export(cache))["model"].to_pylist()


@pytest.mark.usefixtures("small")
def test_whoever_goes_away_frees_the_snapshot(cache: Cache) -> None:
    """An export that is closed early, or read to its end, holds the write-ahead log no more."""
    put(cache, *cars(60))
    pieces = export(cache)
    next(pieces)
    put(cache, Vehicle("Z" * 17, "NEW", "New", "2026", ""))
    assert not wal_is_free(cache.path)
    pieces.close()
    assert wal_is_free(cache.path)
    read(export(cache))
    assert wal_is_free(cache.path)


@pytest.mark.usefixtures("small")
def test_no_file_is_written_beside_it(cache: Cache) -> None:
    """While it is under way there is nothing on the disk but the cache."""
    put(cache, *cars(60))
    before = {path.name for path in cache.path.parent.iterdir()}
    pieces = export(cache)
    next(pieces)
    assert {path.name for path in cache.path.parent.iterdir()} == before
    pieces.close()


@pytest.mark.usefixtures("small")
def test_a_cache_that_breaks_meanwhile_is_trouble(cache: Cache) -> None:
    """A file that cannot be read is told by name, and no end is written as if it were whole."""
    put(cache, *cars(60))
    with closing(sqlite3.connect(cache.path)) as other, other:
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'answers'")
    with pytest.raises(CacheError, match="cannot be used"):
        b"".join(export(cache))
