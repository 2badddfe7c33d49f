"""The cache stores, replaces and removes verdicts, and refuses files that are not its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service import cache as cache_module
from include.vin_service.cache import Cache, CacheError
from include.vin_service.vpic import Verdict

CAR = Verdict("1HGCM82633A004352", "", "HONDA", "Accord", "2003", "Coupe")
ODD = Verdict("ZZZZZZZZZZZZZZZZZ", "", "Škoda 'é'", "Ünï", "1985", "", check_digit_wrong=True)
NO_CAR = Verdict("1M8GDM9AXKP042788", "vPIC does not know it (code 7)")


def car(number: int, model: str = "Accord") -> Verdict:
    return CAR._replace(vin=f"1HGCM826{number:09}", model=model)


def put(cache: Cache, *verdicts: Verdict, at: int = 1, source: str = "official") -> None:
    cache.put({verdict.vin: verdict for verdict in verdicts}, source, at)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a" / "b?c#d%20" / "vins.db"


@pytest.fixture
def cache(db: Path) -> Iterator[Cache]:
    cache = Cache(db)
    yield cache
    cache.close()


def test_get_after_restart_returns_stored_verdicts(cache: Cache, db: Path) -> None:
    verdicts = (CAR, NO_CAR, ODD)
    put(cache, *verdicts, at=1_700_000_000)
    cache.close()
    with closing(Cache(db)) as again:
        asked = [*(verdict.vin for verdict in verdicts), "1HGCM82633A004353"]
        found = {verdict.vin: (verdict, 1_700_000_000) for verdict in verdicts}
        assert again.get(asked) == found
        assert again.get([ODD.vin])[ODD.vin][0].check_digit_wrong is True
        assert again.source() == "official"


def test_put_replaces_the_earlier_verdict(cache: Cache) -> None:
    for at, verdict in enumerate((CAR, Verdict(CAR.vin, "not known"), CAR._replace(model="Civic"))):
        put(cache, verdict, at=at)
        assert cache.get([CAR.vin]) == {CAR.vin: (verdict, at)}


def test_put_is_all_or_nothing(cache: Cache) -> None:
    with pytest.raises(CacheError, match="NOT NULL"):
        put(cache, CAR, CAR._replace(vin="9" * 17, detail=None))
    assert cache.get([CAR.vin]) == {}
    assert cache.source() is None
    put(cache, CAR)
    assert cache.get([CAR.vin])


def test_put_of_another_source_is_refused(cache: Cache) -> None:
    put(cache, CAR, source="made-up:1")
    with pytest.raises(CacheError, match="another source"):
        put(cache, ODD, CAR, source="official")
    assert cache.source() == "made-up:1"
    assert cache.get([CAR.vin, ODD.vin]).keys() == {CAR.vin}


def test_remove_returns_whether_a_vehicle_was_cached(cache: Cache) -> None:
    put(cache, CAR, NO_CAR)
    assert [cache.remove(vin) for vin in (CAR.vin, CAR.vin, NO_CAR.vin)] == [True, False, False]
    assert cache.get([CAR.vin, NO_CAR.vin]) == {}


def test_write_to_a_locked_database_is_a_cache_error(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BUSY_S", 0.01)
    with closing(Cache(db)) as cache, closing(sqlite3.connect(db, isolation_level=None)) as other:
        put(cache, CAR)
        other.execute("BEGIN IMMEDIATE")
        assert cache.get([CAR.vin]) == {CAR.vin: (CAR, 1)}
        for write in (lambda: put(cache, CAR), lambda: cache.remove(CAR.vin)):
            with pytest.raises(CacheError, match="locked"):
                write()
        other.execute("ROLLBACK")
        assert cache.remove(CAR.vin)


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)",
        "PRAGMA application_id = 7",
        "PRAGMA application_id = 1213552201; CREATE TABLE vehicles (vin)",
    ],
    ids=["tables", "application", "older layout"],
)
def test_open_other_database_is_refused_and_unchanged(tmp_path: Path, script: str) -> None:
    db = tmp_path / "vins.db"
    with closing(sqlite3.connect(db)) as theirs:
        theirs.executescript(script)
    before = db.read_bytes()
    with pytest.raises(PermanentError, match=r"vins\.db was made by another program"):
        Cache(db)
    assert db.read_bytes() == before


def test_open_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="set VIN_DB"):
        Cache(tmp_path)


def zero_page(content: bytes) -> bytes:
    middle = len(content) // 8192 * 4096
    return content[:middle] + bytes(4096) + content[middle + 4096 :]


@pytest.mark.parametrize(
    "damage", [lambda _: b"garbage " * 100, lambda content: content[: len(content) // 2], zero_page]
)
def test_open_damaged_file_is_refused_in_one_line(cache: Cache, db: Path, damage) -> None:
    put(cache, *(car(number) for number in range(5_000)))
    cache.close()
    db.write_bytes(damage(db.read_bytes()))
    with pytest.raises(PermanentError, match=r"vins\.db cannot be opened: .*delete it") as error:
        Cache(db)
    assert "\n" not in str(error.value)


def test_file_damaged_after_opening_is_a_cache_error(cache: Cache, db: Path) -> None:
    put(cache, *(car(number) for number in range(5_000)))
    with closing(sqlite3.connect(db)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.write_bytes(b"garbage " * 100_000)
    for use in (lambda: cache.get([CAR.vin]), lambda: put(cache, CAR)):
        with pytest.raises(CacheError, match=r"malformed|not a database"):
            use()
