"""Every key of a pipeline, and the reads in their names."""

from __future__ import annotations

import pytest

from include.first.keys import Keys, VinKeys, mint_token

KEYS = Keys("vehicle_recalls")
TOKEN = "20260628T093043-0a1b2c3d"


def test_keys_are_spelled_as_the_design_says() -> None:
    """Each kind of object has its place below the pipeline's folder."""
    assert [
        KEYS.table,
        KEYS.ledger,
        KEYS.raw("T", "1966-2026", 7),
        KEYS.landed("T", "1966-2026"),
        KEYS.staging("T", "rows.arrow"),
        f"{KEYS.table}/{KEYS.candidate(2019, 'T', 'abc')}",
        f"{KEYS.ledger}/{KEYS.ledger_file(12, 'T', 'abc')}",
        KEYS.quarantine("T"),
        KEYS.year(2019),
        KEYS.aggregate("a"),
        KEYS.report(12),
    ] == [
        "vehicle_recalls/table",
        "vehicle_recalls/ledger",
        "vehicle_recalls/raw/T/1966-2026/page-00007.json.gz",
        "vehicle_recalls/raw/T/1966-2026/landed.json",
        "vehicle_recalls/staging/T/rows.arrow",
        "vehicle_recalls/table/2019/T-abc.parquet",
        "vehicle_recalls/ledger/00000000000000000012-T-abc.parquet",
        "vehicle_recalls/quarantine/T.parquet",
        "vehicle_recalls/2019.parquet",
        "vehicle_recalls/aggregates/a.parquet",
        "vehicle_recalls/reports/12.md",
    ]


def test_folders_hold_what_is_named_after_them() -> None:
    """Listing a folder finds its keys, and no folder lies in another but the pipeline's own."""
    inside = {
        KEYS.raw_folder: KEYS.raw("T", "all", 0),
        KEYS.staging_folder: KEYS.staging("T", "rows.arrow"),
        KEYS.quarantine_folder: KEYS.quarantine("T"),
        KEYS.aggregates_folder: KEYS.aggregate("a"),
        KEYS.reports_folder: KEYS.report(1),
        f"{KEYS.table}/": f"{KEYS.table}/{KEYS.candidate(2019, 'T', 'abc')}",
        f"{KEYS.ledger}/": f"{KEYS.ledger}/{KEYS.ledger_file(1, 'T', 'abc')}",
    }
    for folder, key in inside.items():
        assert [other for other in inside if key.startswith(other)] == [folder]
        assert key.startswith(KEYS.folder)


@pytest.mark.parametrize("token", ["T", TOKEN])
def test_the_read_is_found_in_its_keys(token: str) -> None:
    """Raw, staging and quarantine of a read name it, so that they can go together."""
    for key in (
        KEYS.raw(token, "1966-2026-x", 0),
        KEYS.landed(token, "1966-2026-x"),
        KEYS.staging(token, "events-abc.arrow"),
        KEYS.quarantine(token),
    ):
        assert KEYS.token_of(key) == token


@pytest.mark.parametrize(
    "key",
    [
        KEYS.year(2019),
        KEYS.report(1),
        KEYS.aggregate("a"),
        f"{KEYS.table}/{KEYS.candidate(2019, TOKEN, 'abc')}",
        f"{KEYS.ledger}/{KEYS.ledger_file(1, TOKEN, 'abc')}",
        Keys("other").raw(TOKEN, "all", 0),
        "",
    ],
)
def test_what_outlives_a_read_has_no_token(key: str) -> None:
    """Truth, ledger and projections are nobody's to throw away with a read."""
    assert KEYS.token_of(key) is None


def test_a_year_is_found_in_its_key_alone() -> None:
    """A year file is told from everything else that lies beside or below it."""
    assert KEYS.year_of(KEYS.year(2019)) == 2019
    for key in (
        "vehicle_recalls/2019.parquet.tmp",
        "vehicle_recalls/2019xparquet",
        "vehicle_recalls/table/2019.parquet",
        "other/2019.parquet",
        "vehicle_recalls/YEAR.parquet",
        KEYS.report(2019),
        KEYS.aggregate("2019"),
    ):
        assert KEYS.year_of(key) is None, key


def test_ledger_files_sort_by_the_version_that_they_tell_of() -> None:
    """Nine before ten before a hundred: readers take them in the order of their names."""
    versions = [1, 9, 10, 99, 100, 10**12]
    assert sorted(KEYS.ledger_file(v, TOKEN, "abc") for v in versions[::-1]) == [
        KEYS.ledger_file(v, TOKEN, "abc") for v in versions
    ]


def test_vin_snapshots_are_one_file_in_the_table_and_beside_it() -> None:
    """The export goes with its read; the file in the table and the plain one stay."""
    keys = VinKeys("vin_snapshots")
    assert [keys.export("T"), keys.snapshot("T", "abc"), keys.vehicles] == [
        "vin_snapshots/staging/T/export.parquet",
        "T-abc.parquet",
        "vin_snapshots/vehicles.parquet",
    ]
    assert keys.token_of(keys.export(TOKEN)) == TOKEN
    assert keys.token_of(f"{keys.table}/{keys.snapshot(TOKEN, 'abc')}") is None
    assert keys.token_of(keys.vehicles) is None


def test_tokens_are_never_the_same() -> None:
    """A thousand reads of one second have a thousand names, fit for a key."""
    tokens = {mint_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(token.replace("-", "").isalnum() for token in tokens)


def test_tokens_sort_by_time() -> None:
    """The newest read comes last in a listing, to the second."""
    first, second = mint_token(), mint_token()
    assert first[:15] <= second[:15]
    assert first[8] == "T"
    assert (first[:8] + first[9:15]).isdecimal()
