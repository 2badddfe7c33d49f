"""What the cache keeps, replaces and forgets, and which files it takes for its own."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service import cache as cache_module
from include.vin_service.cache import Cache, CachedAnswer, CacheError, SourceMismatch
from include.vin_service.vpic import Decoded, Unknown, Vehicle

ROOT = Path(__file__).parents[2]
CAR = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
ODD = Vehicle("ZZZZZZZZZZZZZZZZZ", "Škoda 'é'", "Ünï", "1985", "", check_digit_wrong=True)
NO_CAR = Unknown("1M8GDM9AXKP042788", "vPIC does not know it (code 7)")


def car(number: int, model: str = "Accord") -> Vehicle:
    return CAR._replace(vin=f"1HGCM826{number:09}", model=model)


def put(cache: Cache, *answers: Vehicle | Unknown, at: int = 1, source: str = "official") -> None:
    cache.put(Decoded({answer.vin: answer for answer in answers}, source), at)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "vins.db"


@pytest.fixture
def cache(db: Path) -> Iterator[Cache]:
    cache = Cache(db)
    yield cache
    cache.close()


def test_get_gives_what_was_put_also_after_a_restart(cache: Cache, db: Path) -> None:
    answers = (CAR, NO_CAR, ODD)
    put(cache, *answers, at=1_700_000_000)
    wanted = {answer.vin: CachedAnswer(answer, 1_700_000_000) for answer in answers}
    asked = [*wanted, "1HGCM82633A004353", CAR.vin]
    assert cache.get(asked) == wanted
    assert cache.get([ODD.vin])[ODD.vin].answer.check_digit_wrong is True
    assert cache.get([]) == {}
    cache.close()
    with closing(Cache(db)) as again:
        assert again.get(asked) == wanted
        assert again.source() == "official"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(CAR, Unknown(CAR.vin, "gone"), id="unknown-after-vehicle"),
        pytest.param(Unknown(CAR.vin, "not yet"), CAR, id="vehicle-after-unknown"),
        pytest.param(CAR, CAR._replace(model="Civic", check_digit_wrong=True), id="vehicles"),
        pytest.param(Unknown(CAR.vin, "a"), Unknown(CAR.vin, "b"), id="unknowns"),
    ],
)
def test_put_replaces_the_earlier_answer(
    cache: Cache, first: Vehicle | Unknown, second: Vehicle | Unknown
) -> None:
    put(cache, first, at=1)
    put(cache, second, at=2)
    assert cache.get([CAR.vin]) == {CAR.vin: CachedAnswer(second, 2)}


def test_put_is_all_or_nothing(cache: Cache) -> None:
    with pytest.raises(CacheError, match="NOT NULL"):
        put(cache, CAR, CAR._replace(vin="9" * 17, model=None))
    assert cache.get([CAR.vin]) == {}
    assert cache.source() is None
    put(cache, CAR)
    assert cache.get([CAR.vin])


def test_remove_tells_whether_a_vehicle_was_cached(cache: Cache) -> None:
    put(cache, CAR, NO_CAR)
    assert [cache.remove(vin) for vin in (CAR.vin, CAR.vin, NO_CAR.vin)] == [True, False, False]
    assert cache.get([CAR.vin, NO_CAR.vin]) == {}


def test_forget_unknown_drops_old_refusals_alone(cache: Cache) -> None:
    put(cache, CAR, NO_CAR, at=1)
    put(cache, Unknown("9" * 17, "new"), at=10)
    cache.forget_unknown(10)
    assert cache.get([CAR.vin, NO_CAR.vin, "9" * 17]).keys() == {CAR.vin, "9" * 17}


def test_put_of_another_source_is_refused(cache: Cache) -> None:
    put(cache, CAR, source="made-up:1")
    with pytest.raises(SourceMismatch) as error:
        put(cache, ODD, source="official")
    for word in ("made-up:1", "official", "VPIC_URL", "VIN_DB"):
        assert word in str(error.value)
    assert isinstance(error.value, PermanentError)
    assert cache.source() == "made-up:1"
    assert cache.get([ODD.vin]) == {}


def test_open_makes_missing_folders_and_takes_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for path in (tmp_path / "a" / "b?c#d%20" / "vins.db", tmp_path / "empty.db"):
        with closing(Cache(path)) as cache:
            put(cache, CAR)
        assert path.stat().st_size


def test_reads_go_on_while_another_process_writes(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BUSY_S", 0.01)
    with closing(Cache(db)) as cache, closing(sqlite3.connect(db, isolation_level=None)) as other:
        put(cache, CAR)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM answers")
        assert cache.get([CAR.vin]) == {CAR.vin: CachedAnswer(CAR, 1)}
        for write in (lambda: put(cache, CAR), lambda: cache.remove(CAR.vin)):
            with pytest.raises(CacheError, match="locked"):
                write()
        other.execute("ROLLBACK")
        assert cache.remove(CAR.vin)


def test_a_closed_cache_says_so(cache: Cache) -> None:
    cache.close()
    cache.close()
    with pytest.raises(CacheError, match="closed"):
        cache.get([CAR.vin])
    with pytest.raises(CacheError, match="closed"):
        put(cache, CAR)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)",
        "PRAGMA application_id = 1213552201; CREATE TABLE vehicles (vin)",
    ],
    ids=["tables", "application", "wal", "older layout"],
)
def test_open_other_database_is_refused_and_left_alone(db: Path, made: str) -> None:
    with closing(sqlite3.connect(db)) as theirs:
        theirs.executescript(made)
        before = db.read_bytes()
        with pytest.raises(PermanentError, match=r"vins\.db was made by another program"):
            Cache(db)
        assert db.read_bytes() == before


def test_open_leaves_the_log_of_another_program_alone(tmp_path: Path, db: Path) -> None:
    """A killed program's write-ahead log is not written into its file by our look at it."""
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs:
        theirs.executescript("PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)")
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"theirs.db{suffix}", f"{db}{suffix}")
    before = db.read_bytes(), Path(f"{db}-wal").read_bytes()
    with pytest.raises(PermanentError):
        Cache(db)
    assert (db.read_bytes(), Path(f"{db}-wal").read_bytes()) == before


def truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def zeroed(whole: bytes) -> bytes:
    middle = len(whole) // 8192 * 4096
    return whole[:middle] + bytes(4096) + whole[middle + 4096 :]


@pytest.mark.parametrize("harm", [lambda whole: b"garbage " * len(whole), truncated, zeroed])
def test_open_damaged_file_is_refused_in_one_line(db: Path, harm: Callable[[bytes], bytes]) -> None:
    with closing(Cache(db)) as cache:
        put(cache, *(car(number) for number in range(5_000)))
    db.write_bytes(harm(db.read_bytes()))
    with pytest.raises(PermanentError, match=r"vins\.db cannot be opened: .*delete it") as error:
        Cache(db)
    assert "\n" not in str(error.value)


def test_a_file_that_breaks_later_is_a_cache_error(cache: Cache, db: Path) -> None:
    put(cache, *(car(number) for number in range(5_000)))
    with closing(sqlite3.connect(db)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.write_bytes(b"garbage " * 100_000)
    for use in (lambda: cache.get([CAR.vin]), lambda: put(cache, CAR)):
        with pytest.raises(CacheError, match=r"malformed|not a database"):
            use()


def test_open_unusable_path_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "vins.db"):
        with pytest.raises(PermanentError, match=r"cannot be opened: .*set VIN_DB"):
            Cache(path)


AS_NOBODY = """
import os, sys
from pathlib import Path
from include.errors import PermanentError
from include.vin_service.cache import Cache

if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Cache(Path(sys.argv[1]))
except PermanentError as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    ("folder_mode", "file_mode"), [(0o777, 0o444), (0o777, 0o000), (0o555, 0o666)], ids=oct
)
def test_open_file_that_may_not_be_written_is_refused(folder_mode: int, file_mode: int) -> None:
    # Not in pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "vins.db"
        with closing(Cache(path)) as cache:
            put(cache, CAR)
        path.chmod(file_mode)
        path.parent.chmod(folder_mode)
        command = [sys.executable, "-B", "-c", AS_NOBODY, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        path.parent.chmod(0o755)
        assert done.returncode == 0, done.stderr
        assert "cannot be opened: " in done.stdout


FULL_DISK = """
import sys
from pathlib import Path
from include.vin_service.cache import Cache, CacheError
from tests.vin_service.test_cache import CAR, car, put

cache = Cache(Path(sys.argv[1]))
put(cache, CAR)
kept = 0
try:
    while True:
        put(cache, *(car(number, f"Model {kept}") for number in range(200)), at=2)
        kept += 1
except CacheError:
    print(kept)
assert cache.get([CAR.vin])[CAR.vin].decoded_at == 1
"""


def test_a_full_disk_keeps_the_last_whole_put(db: Path) -> None:
    Cache(db).close()

    def no_file_beyond() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    command = [sys.executable, "-B", "-c", FULL_DISK, str(db)]
    done = subprocess.run(
        command, cwd=ROOT, preexec_fn=no_file_beyond, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    last = int(done.stdout) - 1
    assert last >= 0
    with closing(Cache(db)) as cache:
        models = {
            found.answer.model for found in cache.get([car(n).vin for n in range(200)]).values()
        }
    assert models == {f"Model {last}"}


PUT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from include.vin_service.cache import Cache
from tests.vin_service.test_cache import car, put

cache = Cache(Path(sys.argv[1]))
for number in itertools.count():
    put(cache, *(car(number * 50 + place) for place in range(50)))
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_reported(db: Path) -> None:
    """What was put before SIGKILL is there; the put under way is there as a whole or not at all."""
    command = [sys.executable, "-B", "-c", PUT_FOR_EVER, str(db)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as writer:
        try:
            assert writer.stdout
            assert [int(writer.stdout.readline()) for _ in range(20)] == list(range(20))
        finally:
            writer.kill()
        last = [19, *(int(line) for line in writer.stdout if line.endswith("\n"))][-1]
    with closing(Cache(db)) as cache:
        assert len(cache.get([car(n).vin for n in range((last + 1) * 50)])) == (last + 1) * 50
        following = [car((last + 1) * 50 + place).vin for place in range(50)]
        assert len(cache.get(following)) in {0, 50}
