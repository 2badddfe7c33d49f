"""Every key of a dataset in the bucket, spelled once, and what a key says of its object.

raw/         what the API sent, byte for byte, with one manifest per batch
staging/     files on their way from task to task
table/       the Delta table: the truth
ledger/      the Delta table of every change
quarantine/  rows that break the contract, one file per read
reports/     the report of each version of the recalls
deliveries/  records of the posts to KrakenFlex
everything else: plain files, which can be rebuilt from the table
"""

import hashlib
import re
import secrets
from datetime import UTC, datetime

LOG = "_delta_log"
# Folders of a dataset that plain files must not be put into.
RESERVED_FOLDERS = {"raw", "staging", "table", "ledger", "quarantine", "reports", "deliveries"}
READ_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")

# Browsers need these where a bucket is a web site.
CONTENT_TYPES = {
    "atom": "application/atom+xml",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gz": "application/gzip",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


class Keys:
    def __init__(self, dataset: str) -> None:
        self.folder = f"{dataset}/"
        self.table = f"{dataset}/table"
        self.ledger = f"{dataset}/ledger"

    def raw_folder(self, read_id: str) -> str:
        return f"{self.folder}raw/{read_id}"

    def raw_page(self, read_id: str, batch: str, page: int) -> str:
        return f"{self.raw_folder(read_id)}/{batch}/page-{page:05}.gz"

    def manifest(self, read_id: str, batch: str) -> str:
        return f"{self.raw_folder(read_id)}/{batch}/manifest.json"

    def staging(self, read_id: str, name: str) -> str:
        return f"{self.folder}staging/{read_id}/{name}"

    def quarantine(self, read_id: str) -> str:
        return f"{self.folder}quarantine/{read_id}.parquet"

    def table_file(self, path: str) -> str:
        return f"{self.table}/{path}"

    def ledger_file(self, path: str) -> str:
        return f"{self.ledger}/{path}"

    def plain(self, name: str) -> str:
        return f"{self.folder}{name}"

    def report(self, version: int) -> str:
        return f"{self.folder}reports/{version}.md"


def table_path(read_id: str, partition: str, sha256: str) -> str:
    """Inside the table: the read, the partition and the content, so a path is used once."""
    name = re.sub(r"[^A-Za-z0-9-]", "_", partition)[:60] or "all"
    if name != (partition or "all"):
        name += f"-{hashlib.sha256(partition.encode()).hexdigest()[:8]}"
    return f"{read_id}/{name}-{sha256}.parquet"


def ledger_path(version: int, read_id: str, sha256: str) -> str:
    return f"{version:020}-{read_id}-{sha256}.parquet"


def origin_of(path: str) -> tuple[int, str]:
    """The version and the read id in the path of a ledger file."""
    version, _, rest = path.partition("-")
    return int(version), rest.rpartition("-")[0]


def sha256_of(path: str) -> str:
    """The content hash in the path of a file of the table or the ledger."""
    return path.rpartition("-")[2].removesuffix(".parquet")


def new_read_id() -> str:
    """A name for one read; it sorts by time and is never used again."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def read_id_of(key: str) -> str | None:
    """The read that a key of raw, staging or quarantine belongs to."""
    found = re.match(rf"[^/]+/(?:raw|staging|quarantine)/({READ_ID.pattern})[/.]", key)
    return found[1] if found else None


def copy_order(key: str) -> int | None:
    """The place of a key in a copy of a live lake, after what it names; None: it is not copied."""
    match key.split("/"):
        case [_, "staging", *_]:
            return None
        case [_, "table", folder, *_]:
            return 2 if folder == LOG else 0
        case [_, "ledger", folder, *_]:
            return 4 if folder == LOG else 3
        case [_, "raw", *_, "manifest.json"]:
            return 1
        case [_, "raw" | "quarantine" | "deliveries", *_]:
            return 0
        case _:
            return 5


def content_type(key: str) -> str:
    if key.endswith(".json") and "feeds/" in key:
        return "application/feed+json"
    return CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")
