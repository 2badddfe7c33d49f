"""A table of numbers by year, and what a reader with nothing of ours sees of it."""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable

from include.first.keys import mint_token
from include.first.lake import DataFile, Head, Lake
from include.first.parquet import to_parquet

TABLE = "things/table"
SCHEMA = pa.schema([("n", pa.int64()), ("year", pa.int32())])
LOG = f"{TABLE}/_delta_log/"
SECRET = "a-secret-that-no-message-shows"
LONGEST_LINE = 400


def opened(url: str, bucket: str) -> Lake:
    return Lake.connect(
        bucket, endpoint_url=url, region="us-east-1", access_key="test", secret_key=SECRET
    )


def file_of(lake: Lake, year: int, name: str, *numbers: int) -> DataFile:
    path = f"{year}/{name}.parquet"
    lake.put(f"{TABLE}/{path}", to_parquet(pa.table({"n": pa.array(numbers, pa.int64())})))
    return DataFile(path, str(year), len(numbers))


def commit(lake: Lake, year: int, *numbers: int, base: Head | None = None, token: str = "") -> int:
    """Put numbers in the place of what the base has for the year."""
    base = base or lake.head(TABLE)
    token = token or mint_token()
    old = [base.files[str(year)]] if str(year) in base.files else []
    return lake.commit(TABLE, base, [file_of(lake, year, token, *numbers)], old, {"token": token})


def numbers_in(lake: Lake) -> dict[int, list[int]]:
    """What a reader with Delta Lake and nothing of ours sees."""
    table = DeltaTable(f"s3://{lake.bucket}/{TABLE}", storage_options=lake.storage_options)
    years: dict[int, list[int]] = {}
    for row in table.to_pyarrow_table().sort_by("n").to_pylist():
        years.setdefault(row["year"], []).append(row["n"])
    return years


def versions_of(lake: Lake) -> list[int]:
    """Every entry of the log, as it lies in the bucket."""
    names = [key.removeprefix(LOG) for key in lake.keys(LOG)]
    return [int(name.removesuffix(".json")) for name in names if name.endswith(".json")]


def assert_told(error: BaseException, *words: str) -> None:
    """The error is one line that a person can read, with these words and no secret."""
    said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) < LONGEST_LINE
    assert SECRET not in said
    for word in words:
        assert word in said, said
