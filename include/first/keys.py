"""Every key of a pipeline in the bucket, spelled once, and the tokens in their names.

A pipeline's folder holds what the API said (`raw/`), files on their way from task to task
(`staging/`), the truth (`table/`, a Delta table partitioned by year), what changed in it from
version to version (`ledger/`, a Delta table that only grows), and projections of both.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from enum import IntEnum

LOG = "_delta_log"
USED_ONCE = re.compile(r"/(?:\d{8}T\d{6}-[0-9a-f]{8}|[0-9a-f]{64})")  # a token, or a sha256


class Turn(IntEnum):
    """When a key of any pipeline is copied: what refers comes after what it refers to."""

    FILES = 0  # each under a name that is used once
    SIGNS = 1  # of files that belong together
    COMMITS = 2
    LEDGER_FILES = 3
    LEDGER_COMMITS = 4
    PROJECTIONS = 5  # plain names, written again and again
    NEVER = 6

    @classmethod
    def of(cls, key: str) -> Turn:
        turn = cls.FILES if USED_ONCE.search(key) else cls.PROJECTIONS
        match key.split("/"):
            case [_, "staging", *_]:
                turn = cls.NEVER
            case [_, "table", found, *_]:
                turn = cls.COMMITS if found == LOG else cls.FILES
            case [_, "ledger", found, *_]:
                turn = cls.LEDGER_COMMITS if found == LOG else cls.LEDGER_FILES
            case [_, _, "versions", _]:
                turn = cls.COMMITS
            case [_, "deliveries", _, record]:
                turn = cls.SIGNS if record.endswith("-accepted.json") else cls.FILES
            case [_, "raw", _, _, "landed.json"]:
                turn = cls.SIGNS
            case [_, "raw" | "quarantine", *_]:
                turn = cls.FILES
        return turn


class Keys:
    """Every key of one pipeline, spelled once."""

    def __init__(self, pipeline: str) -> None:
        self.folder = f"{pipeline}/"
        self.table = f"{pipeline}/table"
        self.ledger = f"{pipeline}/ledger"
        self.raw_folder = f"{pipeline}/raw/"
        self.staging_folder = f"{pipeline}/staging/"
        self.quarantine_folder = f"{pipeline}/quarantine/"
        self.aggregates_folder = f"{pipeline}/aggregates/"
        self.reports_folder = f"{pipeline}/reports/"

    def raw(self, token: str, batch: str, page: int) -> str:
        return f"{self.raw_folder}{token}/{batch}/page-{page:05}.json.gz"

    def landed(self, token: str, batch: str) -> str:
        """What says that all pages of a landing are there, and which they are."""
        return f"{self.raw_folder}{token}/{batch}/landed.json"

    def staging(self, token: str, name: str) -> str:
        return f"{self.staging_folder}{token}/{name}"

    def candidate(self, partition: int | str, token: str, sha256: str) -> str:
        """A data file's path inside the table: the read, the content, and used once."""
        return f"{partition}/{token}-{sha256}.parquet"

    def ledger_file(self, version: int, token: str, sha256: str) -> str:
        """A data file's path inside the ledger: the version of the table that it tells of."""
        return f"{version:020}-{token}-{sha256}.parquet"

    def quarantine(self, token: str) -> str:
        return f"{self.quarantine_folder}{token}.parquet"

    def token_of(self, key: str) -> str | None:
        """The read that this key of raw, staging or quarantine belongs to."""
        for folder in (self.raw_folder, self.staging_folder, self.quarantine_folder):
            if key.startswith(folder):
                return re.split(r"[/.]", key.removeprefix(folder))[0]
        return None

    def year(self, year: int | str) -> str:
        return f"{self.folder}{year}.parquet"

    def year_of(self, key: str) -> int | None:
        """The year whose file lies under this key; None when the key is of something else."""
        found = re.fullmatch(re.escape(self.year("YEAR")).replace("YEAR", r"(\d+)"), key)
        return int(found[1]) if found else None

    def aggregate(self, name: str) -> str:
        return f"{self.aggregates_folder}{name}.parquet"

    def report(self, version: int) -> str:
        return f"{self.reports_folder}{version}.md"


class OutageKeys(Keys):
    """Those of site outages: a file a site, and a record of each time that one was posted."""

    def site(self, site_id: str) -> str:
        return f"{self.folder}{site_id}.parquet"

    def deliveries(self, site_id: str) -> str:
        return f"{self.folder}deliveries/{site_id}/"

    def delivery(self, site_id: str, number: int, step: str) -> str:
        return f"{self.deliveries(site_id)}{number:08}-{step}.json"

    def delivery_of(self, key: str) -> tuple[int, str]:
        """The number and the step of the delivery whose record lies under this key."""
        number, step = key.rpartition("/")[2].removesuffix(".json").split("-")
        return int(number), step


class SubjectKeys(Keys):
    """Those of subject books: a folder a subject, with snapshots, versions and plain names."""

    def snapshot(self, subject: str, token: str, sha256: str) -> str:
        """The folder of three tables that belong together: the read, the content, used once."""
        return f"{self.folder}{subject}/{token}-{sha256}"

    def file_of(self, folder: str, table: str, kind: str) -> str:
        return f"{folder}/{table}.{kind}"

    def versions(self, subject: str) -> str:
        return f"{self.folder}{subject}/versions/"

    def version(self, subject: str, number: int) -> str:
        """What says which snapshot is this version: a receipt, written once."""
        return f"{self.versions(subject)}{number:020}.json"

    def number_of(self, key: str) -> int:
        """The number of the version whose receipt lies under this key."""
        return int(key.rpartition("/")[2].removesuffix(".json"))

    def current(self, subject: str) -> str:
        return f"{self.folder}{subject}/current.json"

    def plain(self, subject: str, table: str, kind: str) -> str:
        return self.file_of(f"{self.folder}{subject}", table, kind)


class VinKeys(Keys):
    """Those of VIN snapshots: all vehicles are one file, in the table and beside it."""

    def export(self, token: str) -> str:
        return self.staging(token, "export.parquet")

    def snapshot(self, token: str, sha256: str) -> str:
        """A data file's path inside the table, which has no partitions."""
        return f"{token}-{sha256}.parquet"

    @property
    def vehicles(self) -> str:
        return f"{self.folder}vehicles.parquet"


def mint_token() -> str:
    """A name for one read that sorts by time and is never used again."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
