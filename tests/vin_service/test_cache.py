"""What the cache keeps, replaces and forgets, and which files it takes for its own."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service import cache_file, cache_schema
from include.vin_service.cache import Cache, CacheTrouble, Kept, OtherSource
from include.vin_service.cache_schema import APPLICATION_ID, MIGRATIONS
from include.vin_service.decoding import Unknown, Vehicle

CAR = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
NO_CAR = Unknown("1M8GDM9AXKP042788", "vPIC does not know it (code 7)")


def car(number: int) -> Vehicle:
    return CAR._replace(vin=f"1HGCM826{number:09}", model=f"Model {number % 7}")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "vins.db"


@pytest.fixture
def cache(db: Path) -> Iterator[Cache]:
    cache = Cache.open(db)
    yield cache
    cache.close()


def test_what_was_put_is_got(cache: Cache) -> None:
    """Vehicles and refusals come back as they went in, with the time of their decoding."""
    odd = Vehicle("ZZZZZZZZZZZZZZZZZ", "Škoda 'é'", "Ünï", "1985", "", check_digit_wrong=True)
    cache.put([CAR, NO_CAR, odd], 1_700_000_000, "official")
    assert cache.get(CAR.vin) == Kept(CAR, 1_700_000_000)
    assert cache.get(NO_CAR.vin) == Kept(NO_CAR, 1_700_000_000)
    assert cache.get(odd.vin) == Kept(odd, 1_700_000_000)
    assert cache.get(odd.vin).answer.check_digit_wrong is True
    assert cache.get("1HGCM82633A004353") is None


def test_many_are_got_at_once(cache: Cache) -> None:
    """A thousand VINs are answered by what is there, each under its own VIN."""
    cars = [car(number) for number in range(1_500)]
    cache.put([*cars, NO_CAR], 5, "official")
    asked = [one.vin for one in cars[1_000:]] + [NO_CAR.vin] + ["X" * 17] * 2
    found = cache.get_many(asked)
    assert found == {one.vin: Kept(one, 5) for one in (*cars[1_000:], NO_CAR)}
    assert cache.get_many([]) == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(CAR, Unknown(CAR.vin, "gone"), id="unknown-after-vehicle"),
        pytest.param(Unknown(CAR.vin, "not yet"), CAR, id="vehicle-after-unknown"),
        pytest.param(CAR, CAR._replace(model="Civic", check_digit_wrong=True), id="vehicles"),
        pytest.param(Unknown(CAR.vin, "a"), Unknown(CAR.vin, "b"), id="unknowns"),
    ],
)
def test_the_later_answer_replaces_the_earlier(
    cache: Cache, first: Vehicle | Unknown, second: Vehicle | Unknown
) -> None:
    """A VIN has one answer, the last, whichever of the two kinds it is."""
    cache.put([first], 1, "official")
    cache.put([second], 2, "official")
    assert cache.get(CAR.vin) == Kept(second, 2)
    assert cache.get_many([CAR.vin]) == {CAR.vin: Kept(second, 2)}
    assert cache.count() == isinstance(second, Vehicle)


def test_a_put_is_all_or_nothing(cache: Cache) -> None:
    """One answer that cannot be kept keeps the others out too, and the cache usable."""
    with pytest.raises(CacheTrouble, match=r"vins\.db"):
        cache.put([CAR, CAR._replace(vin="SHORT")], 1, "official")
    with pytest.raises(CacheTrouble, match="NOT NULL"):
        cache.put([CAR, CAR._replace(vin="9" * 17, model=None)], 1, "official")
    assert cache.get(CAR.vin) is None
    assert cache.source() is None
    cache.put([CAR], 1, "official")
    assert cache.count() == 1


def test_remove_says_whether_a_vehicle_was_there(cache: Cache) -> None:
    """A removed vehicle is true once; a kept refusal goes as well, and is no vehicle."""
    cache.put([CAR, NO_CAR], 1, "official")
    assert [cache.remove(CAR.vin), cache.remove(CAR.vin)] == [True, False]
    assert cache.remove(NO_CAR.vin) is False
    assert cache.get(CAR.vin) is None
    assert cache.get(NO_CAR.vin) is None


def test_two_sources_never_share_a_cache(cache: Cache, db: Path) -> None:
    """Answers of another source are refused by name, even when the last of the first is gone."""
    assert cache.source() is None
    cache.put([], 1, "made-up:2")
    assert cache.source() is None
    cache.put([CAR], 1, "made-up:1")
    cache.remove(CAR.vin)
    with pytest.raises(OtherSource) as refused:
        cache.put([CAR], 2, "official")
    for word in ("made-up:1", "official", str(db), "VIN_DB"):
        assert word in str(refused.value)
    assert isinstance(refused.value, PermanentError)
    assert cache.source() == "made-up:1"
    assert cache.get(CAR.vin) is None


def test_it_lasts(db: Path) -> None:
    """What was put is there after the file is closed and opened again."""
    first = Cache.open(db)
    first.put([CAR, NO_CAR], 1, "official")
    first.close()
    second = Cache.open(db)
    assert (second.get(CAR.vin), second.source()) == (Kept(CAR, 1), "official")
    second.close()


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """The first start needs no folder to be there."""
    cache = Cache.open(tmp_path / "a" / "b?c#d%20" / "vins.db")
    cache.put([CAR], 1, "official")
    cache.close()
    assert (tmp_path / "a" / "b?c#d%20" / "vins.db").stat().st_size


def test_an_empty_file_is_a_new_cache(db: Path) -> None:
    """A file of no bytes, as mktemp makes it, is taken."""
    db.touch()
    cache = Cache.open(db)
    cache.put([CAR], 1, "official")
    cache.close()
    assert not list(db.parent.glob("*.corrupt-*"))


def test_readers_do_not_wait_for_a_writer(cache: Cache, db: Path) -> None:
    """With the write lock held elsewhere, and rows uncommitted, all reads answer what was."""
    cache.put([CAR], 1, "official")
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM vehicles")
        with ThreadPoolExecutor(1) as fresh:
            assert fresh.submit(cache.get, CAR.vin).result() == Kept(CAR, 1)
        assert cache.get_many([CAR.vin]) == {CAR.vin: Kept(CAR, 1)}
        assert (cache.count(), cache.source()) == (1, "official")
        other.execute("ROLLBACK")


def test_a_snapshot_is_of_its_beginning(cache: Cache) -> None:
    """What is put after it began is not in it, even before anything was read from it."""
    cache.put([CAR], 1, "official")
    with cache.snapshot() as snapshot:
        cache.put([car(1)], 2, "official")
        assert snapshot.execute("SELECT count(*) FROM vehicles").fetchone() == (1,)


def test_a_snapshot_cannot_write(cache: Cache) -> None:
    """It is for reading, and the database holds it to that."""
    cache.put([CAR], 1, "official")
    with pytest.raises(CacheTrouble, match="readonly"), cache.snapshot() as snapshot:
        snapshot.execute("DELETE FROM vehicles")
    assert cache.count() == 1


def test_many_threads_share_it(cache: Cache) -> None:
    """Sixteen threads that put, get and remove lose nothing and mix nothing up."""
    start = threading.Barrier(16)

    def work(worker: int) -> None:
        start.wait()
        mine = [car(worker * 1_000 + number) for number in range(60)]
        for number in range(0, 60, 20):
            cache.put(mine[number : number + 20], worker, "official")
            assert cache.get(mine[number].vin) == Kept(mine[number], worker)
        assert cache.remove(mine[0].vin) is True
        assert cache.get_many([one.vin for one in mine]) == {
            one.vin: Kept(one, worker) for one in mine[1:]
        }

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert cache.count() == 16 * 59


def test_a_thread_takes_its_connection_with_it(cache: Cache) -> None:
    """However many threads come and go, no connection stays behind."""
    cache.put([CAR], 1, "official")
    for _ in range(5):
        thread = threading.Thread(target=cache.get, args=(CAR.vin,))
        thread.start()
        thread.join()
    assert len(cache._all) == 1


def test_a_closed_cache_says_so(db: Path) -> None:
    """After close, threads with a connection and threads without one meet CacheTrouble."""
    cache = Cache.open(db)
    cache.put([CAR], 1, "official")
    cache.close()
    cache.close()
    with pytest.raises(CacheTrouble):
        cache.get(CAR.vin)
    with ThreadPoolExecutor(1) as fresh, pytest.raises(CacheTrouble, match="is closed"):
        fresh.submit(cache.get, CAR.vin).result()
    assert not db.with_name("vins.db-wal").exists()


def test_a_file_of_an_older_version_is_migrated(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that a file has not seen are made on open, once, and its answers stay."""
    cache = Cache.open(db)
    cache.put([CAR], 1, "official")
    cache.close()
    steps = (*MIGRATIONS, "ALTER TABLE kinds ADD COLUMN doors TEXT")
    monkeypatch.setattr(cache_schema, "MIGRATIONS", steps)
    monkeypatch.setattr(cache_file, "MIGRATIONS", steps)
    for _ in range(2):
        cache = Cache.open(db)
        assert cache.get(CAR.vin) == Kept(CAR, 1)
        cache.close()
    with closing(sqlite3.connect(db)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (2,)
        assert plain.execute("SELECT doors FROM kinds").fetchall() == [(None,)]


def test_a_step_that_fails_leaves_the_version_before(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is whole or not at all, and says which file it was."""
    Cache.open(db).close()
    step = "CREATE TABLE half (one TEXT); CREATE TABLE kinds (again TEXT)"
    monkeypatch.setattr(cache_schema, "MIGRATIONS", (*MIGRATIONS, step))
    monkeypatch.setattr(cache_file, "MIGRATIONS", (*MIGRATIONS, step))
    with pytest.raises(PermanentError, match=r"vins\.db"):
        Cache.open(db)
    with closing(sqlite3.connect(db)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (1,)
        assert not plain.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        pytest.param("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)", "another", id="own"),
        pytest.param("PRAGMA application_id = 7", "another", id="application"),
        pytest.param("PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)", "another", id="wal"),
        pytest.param(
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99", "newer", id="new"
        ),
    ],
)
def test_a_database_that_is_not_ours_is_left_alone(db: Path, made: str, words: str) -> None:
    """Another program's file, or a newer version's, is refused in one line, byte for byte as is."""
    with closing(sqlite3.connect(db)) as theirs:
        theirs.executescript(made)
        before = db.read_bytes()
        with pytest.raises(PermanentError) as refused:
            Cache.open(db)
        assert words in str(refused.value)
        assert str(db) in str(refused.value)
        assert "\n" not in str(refused.value)
        assert db.read_bytes() == before
        assert not list(db.parent.glob("*.corrupt-*"))


def test_a_killed_programs_log_is_left_alone(tmp_path: Path, db: Path) -> None:
    """Another program's write-ahead log is not written back into its file by our look at it."""
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs:
        theirs.executescript("PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)")
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"theirs.db{suffix}", f"{db}{suffix}")
    before = db.read_bytes(), Path(f"{db}-wal").read_bytes()
    with pytest.raises(PermanentError, match="another program's"):
        Cache.open(db)
    assert (db.read_bytes(), Path(f"{db}-wal").read_bytes()) == before
