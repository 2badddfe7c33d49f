"""Every key of a pipeline in the bucket, spelled once, and the tokens in their names.

A pipeline's folder holds what the API said (`raw/`), files on their way from task to task
(`staging/`), the truth (`table/`, a Delta table partitioned by year), what changed in it from
version to version (`ledger/`, a Delta table that only grows), and projections of both.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime


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

    def candidate(self, year: int, token: str, sha256: str) -> str:
        """A data file's path inside the table: the read, the content, and used once."""
        return f"{year}/{token}-{sha256}.parquet"

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


def mint_token() -> str:
    """A name for one read that sorts by time and is never used again."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
