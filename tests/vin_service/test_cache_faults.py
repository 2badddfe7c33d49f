"""A cache file that is broken, full, locked, or not to be written."""

from __future__ import annotations

import logging
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service import cache_file
from include.vin_service.cache import Cache, CacheTrouble, Kept
from include.vin_service.decoding import Unknown, Vehicle

ROOT = Path(__file__).parents[2]
CAR = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
ASIDE = re.compile(r"vins\.db\.corrupt-\d{8}T\d{6}Z(-\d+)?(-wal|-shm)?")


def cars(n: int, model: str = "Accord") -> list[Vehicle]:
    return [CAR._replace(vin=f"1HGCM826{number:09}", model=model) for number in range(n)]


def filled(path: Path) -> bytes:
    cache = Cache.open(path)
    cache.put(cars(5_000), 1, "official")
    cache.close()
    return path.read_bytes()


def garbage(whole: bytes) -> bytes:
    return b"no database at all\n" * (len(whole) // 19)


def truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def short(whole: bytes) -> bytes:
    return whole[:50]


def zeroed(whole: bytes) -> bytes:
    middle = len(whole) // 8192 * 4096
    return whole[:middle] + bytes(4096) + whole[middle + 4096 :]


def asides(path: Path) -> list[str]:
    return sorted(kept.name for kept in path.parent.iterdir() if ".corrupt-" in kept.name)


@pytest.mark.parametrize("harm", [garbage, truncated, short, zeroed])
def test_a_broken_file_is_kept_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[bytes], bytes]
) -> None:
    """It is renamed, byte for byte, the log says from where to where, and a new cache works."""
    path = tmp_path / "vins.db"
    broken = harm(filled(path))
    path.write_bytes(broken)
    path.with_name("vins.db-wal").write_bytes(b"its log")
    with caplog.at_level(logging.ERROR):
        cache = Cache.open(path)
    assert cache.count() == 0
    assert cache.source() is None
    cache.put([CAR], 2, "made-up:1")
    assert cache.get(CAR.vin) == Kept(CAR, 2)
    cache.close()
    (said,) = caplog.records
    kept = [name for name in asides(path) if not name.endswith(("-wal", "-shm"))]
    assert len(kept) == 1
    assert ASIDE.fullmatch(kept[0])
    assert (tmp_path / kept[0]).read_bytes() == broken
    assert str(path) in said.getMessage()
    assert kept[0] in said.getMessage()
    assert "\n" not in said.getMessage()
    Cache.open(path).close()
    assert len(caplog.records) == 1


def test_an_older_one_kept_aside_is_never_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three files that break within one second are kept under three names."""

    class Stopped(cache_file.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(cache_file, "datetime", Stopped)
    path = tmp_path / "vins.db"
    for number in range(3):
        path.write_bytes(b"broken %d " % number * 100)
        Cache.open(path).close()
    name = "vins.db.corrupt-20260102T030405Z"
    assert asides(path) == [name, f"{name}-1", f"{name}-2"]
    for number, kept in enumerate(asides(path)):
        assert (tmp_path / kept).read_bytes().startswith(b"broken %d" % number)


def test_a_broken_file_is_set_aside_once_by_all_who_open_it(tmp_path: Path) -> None:
    """Eight that open it in the same moment end up with one new cache and one file kept."""
    path = tmp_path / "vins.db"
    path.write_bytes(b"broken" * 1_000)
    start = threading.Barrier(8)

    def opened(_: int) -> Cache:
        start.wait()
        return Cache.open(path)

    with ThreadPoolExecutor(8) as threads:
        caches = list(threads.map(opened, range(8)))
        caches[0].put([CAR], 1, "official")
        assert all(cache.get(CAR.vin) == Kept(CAR, 1) for cache in caches)
        for cache in caches:
            cache.close()
    assert len(asides(path)) == 1


def test_a_file_that_breaks_later_is_trouble(tmp_path: Path) -> None:
    """What is found while the service runs names the file and the cure; the file stays."""
    path = tmp_path / "vins.db"
    filled(path)
    cache = Cache.open(path)
    path.write_bytes(garbage(path.read_bytes()))
    for use in (
        lambda: cache.get(CAR.vin),
        lambda: cache.get_many([CAR.vin]),
        lambda: cache.put([CAR], 2, "official"),
        lambda: cache.remove(CAR.vin),
        cache.source,
        cache.count,
    ):
        with pytest.raises(CacheTrouble, match=r"vins\.db.*start the service again"):
            use()
    cache.close()
    assert not asides(path)


def test_a_locked_cache_is_trouble_for_writers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot write in time is told so, reads go on, and later writes succeed."""
    monkeypatch.setattr(cache_file, "BUSY_S", 0.01)
    path = tmp_path / "vins.db"
    cache = Cache.open(path)
    cache.put([CAR], 1, "official")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheTrouble, match=r"vins\.db.*locked"):
            cache.put([CAR], 2, "official")
        with pytest.raises(CacheTrouble, match="locked"):
            cache.remove(CAR.vin)
        assert cache.get(CAR.vin) == Kept(CAR, 1)
        other.execute("ROLLBACK")
    cache.put([CAR], 2, "official")
    assert cache.get(CAR.vin) == Kept(CAR, 2)
    cache.close()


def test_a_full_database_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no page left a put is trouble and nothing of it stays; the rest is still read."""
    plain = cache_file.connected

    def limited(path: Path, *mode: str) -> sqlite3.Connection:
        connection = plain(path, *mode)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr("include.vin_service.cache.connected", limited)
    cache = Cache.open(tmp_path / "vins.db")
    cache.put([CAR], 1, "official")
    with pytest.raises(CacheTrouble, match=r"vins\.db.*full"):
        cache.put(cars(5_000), 2, "official")
    assert cache.get(CAR.vin) == Kept(CAR, 1)
    assert cache.count() == 1
    cache.put([Unknown("9" * 17, "small enough")], 2, "official")
    assert cache.get("9" * 17) is not None
    cache.close()


FULL_DISK = """
import sys
from pathlib import Path
from include.vin_service.cache import Cache, CacheTrouble
from tests.vin_service.test_cache_faults import CAR, cars

cache = Cache.open(Path(sys.argv[1]))
cache.put([CAR], 1, "official")
kept = 0
try:
    while True:
        cache.put(cars(200, f"Model {kept}"), 2, "official")
        kept += 1
except CacheTrouble as trouble:
    print(kept, trouble)
assert cache.get(CAR.vin).decoded_at == 1
assert cache.get(cars(1)[0].vin).answer.model == f"Model {kept - 1}"
assert cache.count() == 201
"""


def test_a_full_disk_keeps_what_it_has(tmp_path: Path) -> None:
    """Where the system lets no file grow, the last whole put is what is read, then and later."""
    path = tmp_path / "vins.db"
    Cache.open(path).close()

    def no_file_beyond() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, str(path)],
        cwd=ROOT,
        preexec_fn=no_file_beyond,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    puts, _, said = done.stdout.partition(" ")
    assert int(puts) >= 1
    assert str(path) in said
    cache = Cache.open(path)
    assert cache.get(cars(1)[0].vin).answer.model == f"Model {int(puts) - 1}"
    assert (cache.count(), asides(path)) == (201, [])
    cache.close()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder in place of the file is one line, and nothing is made in it."""
    with pytest.raises(PermanentError, match="is a folder; set VIN_DB"):
        Cache.open(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is one line that names the cache."""
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match=r"vins\.db cannot be opened: .*; set VIN_DB"):
        Cache.open(tmp_path / "file" / "vins.db")


AS_NOBODY = """
import os, sys
from pathlib import Path
from include.errors import PermanentError
from include.vin_service.cache import Cache

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Cache.open(Path(sys.argv[1]))
except PermanentError as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    ("folder_mode", "file_mode"),
    [
        pytest.param(0o755, 0o444, id="read-only"),
        pytest.param(0o777, 0o444, id="read-only-in-a-writable-folder"),
        pytest.param(0o777, 0o000, id="unreadable"),
        pytest.param(0o555, 0o666, id="in-a-read-only-folder"),
    ],
)
def test_a_file_that_may_not_be_written_is_refused(folder_mode: int, file_mode: int) -> None:
    """Who may not read and write it is told when it is opened, in one line; it stays as it is."""
    # Not in pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "vins.db"
        before = filled(path)
        path.with_name("vins.db.opening").chmod(0o666)
        path.chmod(file_mode)
        path.parent.chmod(folder_mode)
        done = subprocess.run(
            [sys.executable, "-B", "-c", AS_NOBODY, str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        path.parent.chmod(0o755)
        path.chmod(0o644)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"the cache .*vins\.db cannot be opened: .*\n", done.stdout)
        assert path.read_bytes() == before
        assert not asides(path)


def test_a_file_that_goes_away_is_not_made_anew(tmp_path: Path) -> None:
    """A thread that comes when the file is gone meets CacheTrouble, and leaves no empty file."""
    path = tmp_path / "vins.db"
    cache = Cache.open(path)
    path.unlink()
    with pytest.raises(CacheTrouble, match=r"vins\.db"):
        cache.get(CAR.vin)
    assert not path.exists()
    cache.close()
