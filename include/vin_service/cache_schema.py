"""The tables of the cache, as the steps that make them; a new version is one more step."""

from __future__ import annotations

import sqlite3

# In the header of each file of ours, so that no other program's database is taken for one.
APPLICATION_ID = 0x48575649  # "HWVI"

MIGRATIONS = (
    f"""
    PRAGMA application_id = {APPLICATION_ID};

    -- The one source of all answers, under the name 'source'.
    CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    -- A million vehicles are some thousand kinds.
    CREATE TABLE kinds (
        id INTEGER PRIMARY KEY,
        make TEXT NOT NULL,
        model TEXT NOT NULL,
        model_year TEXT NOT NULL,
        body_class TEXT NOT NULL,
        UNIQUE (make, model, model_year, body_class)
    );

    -- The export relies on 17 bytes a VIN.
    CREATE TABLE vehicles (
        vin TEXT PRIMARY KEY CHECK (length(CAST(vin AS BLOB)) = 17),
        kind INTEGER NOT NULL REFERENCES kinds,
        check_digit_wrong INTEGER NOT NULL,
        decoded_at INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE unknowns (
        vin TEXT PRIMARY KEY,
        detail TEXT NOT NULL,
        decoded_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX unknowns_by_age ON unknowns (decoded_at);
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to date, each step in a transaction of its own."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
