"""The cache's file: made when it is missing, refused when it is not ours, set aside when broken."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from include.errors import PermanentError
from include.vin_service.cache_schema import APPLICATION_ID, MIGRATIONS, migrate

log = logging.getLogger("headwaters.vin")

# A writer waits this long for another one; readers wait for nobody.
BUSY_S = 5.0
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Broken(sqlite3.DatabaseError):
    """What the check found; SQLite had not stumbled over it yet."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def connected(path: Path, mode: str = "rw") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    # A killed process loses nothing that it committed; a power cut may lose the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def is_broken(error: sqlite3.Error) -> bool:
    """True when the file is to blame, and not the moment."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN


def prepare(path: Path) -> None:
    """See to it that the file is ours, whole and of this version; one process at a time."""
    if path.is_dir():
        raise PermanentError(f"the cache {path} is a folder; set VIN_DB to a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            try:
                _open(path)
            except sqlite3.DatabaseError as error:
                if not is_broken(error):
                    raise
                _set_aside(path, str(error))
                _open(path)
    except (OSError, sqlite3.Error) as error:
        raise PermanentError(
            f"the cache {path} cannot be opened: {error}; "
            "set VIN_DB to a file that this user may write, on a disk with space"
        ) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    # A file beside it: to open and close the database's own would end SQLite's locks on it.
    with path.with_name(f"{path.name}.opening").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open(path: Path) -> None:
    if path.exists() and path.stat().st_size:
        # Read only: to leave another program's file as it is, SQLite must tidy nothing up.
        with closing(connected(path, "ro")) as connection:
            _refuse_others(connection, path)
    with closing(connected(path, "rwc")) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Broken(" ".join(found.split()))
        # What cannot be written is told now, and not by the first answer: to begin is no proof.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise PermanentError(
            f"the cache {path} is another program's database, and is left as it is; "
            "set VIN_DB to another file"
        )
    if version > len(MIGRATIONS):
        raise PermanentError(
            f"the cache {path} was made by a newer version of this service (schema {version}, "
            f"here {len(MIGRATIONS)}); update the service, or set VIN_DB to another file"
        )


def _set_aside(path: Path, why: str) -> None:
    stem = f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (f"{stem}-{number}" if number else stem for number in count())
    # The database goes last: cut short, the next start finds it still broken and goes on.
    suffixes = ("-wal", "-shm", "")
    aside = next(
        free
        for free in map(path.with_name, names)
        if not any(_beside(free, suffix).exists() for suffix in suffixes)
    )
    for suffix in suffixes:
        if _beside(path, suffix).exists():
            _beside(path, suffix).rename(_beside(aside, suffix))
    log.error("the cache %s is broken (%s): kept as %s, a new one is begun", path, why, aside)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")
