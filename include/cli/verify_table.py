"""Whether the table and the plain files are what the receipts say."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.cli.questions import KnownVersion
from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.formatting import count
from include.data.tables import content_hash, null_counts
from include.errors import PermanentError
from include.lake.keys import Keys, sha256_of
from include.lake.staging import read_table_file
from include.lake.store import Missing, Store, parallel_map
from include.lake.table import Version

RESTORE = "restore it from a copy"
REPORT = "report it, with this line"


class FileFindings(NamedTuple):
    """What is wrong with one file of the table, by check."""

    keys: pa.ChunkedArray
    damaged: list[str]
    content: list[str]
    columns: list[str]
    misplaced: list[str]


def table_checks(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Iterator[Check]:
    found = parallel_map(
        lambda item: _check_file(store, dataset, *item), list(current.parts.items())
    )
    files = count(len(found), "file")

    def check(name: str, field: str, hint: str) -> Check:
        problems = [problem for each in found for problem in getattr(each, field)]
        return Check(name, not problems, examples(problems) or files, hint)

    yield check("bytes hash to the sha256 in each name", "damaged", RESTORE)
    yield check("rows, nulls and content are the receipt's", "content", REPORT)
    yield check("columns are the contract's", "columns", REPORT)
    yield check("rows are in their partition", "misplaced", REPORT)
    keys = pa.chunked_array([chunk for each in found for chunk in each.keys.chunks], pa.string())
    repeated = len(keys) - pc.count_distinct(keys).as_py()
    yield Check(
        f"{dataset.key} is unique",
        not repeated,
        f"{repeated:,} repeated" if repeated else f"{len(keys):,} keys",
        REPORT,
    )
    yield _log_check(current)
    yield _receipts_check(versions)
    yield _older_files_check(store, dataset, current, versions)


def _check_file(store: Store, dataset: Dataset, partition: str, part: Any) -> FileFindings:
    nothing = pa.chunked_array([], pa.string())
    try:
        rows = read_table_file(store, dataset, part["path"])
    except PermanentError as error:
        return FileFindings(nothing, [str(error)], [], [], [])
    except (pa.ArrowException, ValueError, OSError):
        return FileFindings(nothing, [f"{part['path']} is not valid Parquet"], [], [], [])
    if not rows.schema.equals(dataset.schema):
        return FileFindings(nothing, [], [], [f"{part['path']} has other columns"], [])
    known = (part["rows"], part["nulls"], part["content"])
    content = []
    if known != (rows.num_rows, null_counts(rows), content_hash(dataset, rows)):
        content.append(f"{part['path']} has other rows than its receipt says")
    outside = set(dataset.partitions(rows).unique().to_pylist()) - {partition}
    misplaced = [f"{part['path']} has rows of {examples(sorted(outside))}"] if outside else []
    return FileFindings(dataset.keys(rows), [], content, [], misplaced)


def _log_check(current: Version) -> Check:
    receipt = {name: (part["path"], part["rows"]) for name, part in current.parts.items()}
    logged = {file.partition: (file.path, file.rows) for file in current.files().values()}
    differ = sorted(n for n in {*receipt, *logged} if receipt.get(n) != logged.get(n))
    return Check(
        "the log names the receipt's files",
        not differ,
        examples(differ) or count(len(receipt), "file"),
        "another program wrote to the table; restore the version before that",
    )


def _receipts_check(versions: Sequence[KnownVersion]) -> Check:
    wrong = []
    for version in versions:
        counts = version.receipt["counts"]
        parts = ("published", "edited", "unchanged", "carried_over")
        rows = sum(part["rows"] for part in version.receipt["parts"].values())
        if (
            counts["landed"] != counts["valid"] + counts["quarantined"]
            or counts["rows"] != sum(counts[name] for name in parts)
            or counts["rows"] != rows
        ):
            wrong.append(f"version {version.number}")
    return Check(
        "counts of the receipts add up",
        not wrong,
        examples(wrong) or count(len(versions), "version"),
        REPORT,
    )


def _older_files_check(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Check:
    """By size and ETag, in one listing; the bytes of the current version are hashed above."""
    keys = Keys(dataset.name)
    stored = store.list(keys.table)
    now = {part["path"] for part in current.parts.values()}
    older = {
        part["path"]: part
        for version in versions
        for part in version.receipt["parts"].values()
        if part["path"] not in now
    }
    objects = {path: stored.get(keys.table_file(path)) for path in older}
    missing = [path for path, found in objects.items() if found is None]
    changed = [
        path
        for path, found in objects.items()
        if found and (found.size, found.etag) != (older[path]["size"], older[path]["etag"])
    ]
    left = f"{count(len(older) - len(missing), 'file')}"
    hint = f"{count(len(missing), 'file')} of earlier versions were pruned" if missing else ""
    return Check(
        "files of earlier versions are unchanged",
        not changed,
        examples(changed) or left,
        RESTORE if changed else hint,
        warns=bool(missing),
    )


def copy_checks(store: Store, dataset: Dataset, current: Version) -> Iterator[Check]:
    """Plain files are the table's files, or what was rendered from them."""
    keys = Keys(dataset.name)
    refresh_hint = f"run the command `refresh --dataset {dataset.name}`"
    for manifest in ("_plain_files.json", "aggregates/_plain_files.json"):
        body = store.get_if_exists(keys.plain(manifest))
        if body is None:
            continue
        try:
            files = {name: dict(entry) for name, entry in json.loads(body).items()}
        except (ValueError, TypeError, AttributeError):
            files = {}
        if not files:
            yield Check(manifest, False, "it is damaged", refresh_hint)
            continue
        wrong = parallel_map(
            lambda item: _plain_problem(store, keys, current, *item), list(files.items())
        )
        problems = [problem for problem in wrong if problem]
        yield Check(
            "plain files are up to date" if "/" not in manifest else "aggregations are unchanged",
            not problems,
            examples(problems) or count(len(files), "file"),
            refresh_hint,
        )


def _plain_problem(
    store: Store, keys: Keys, current: Version, name: str, entry: dict[str, str]
) -> str:
    try:
        body = store.get(keys.plain(name))
    except Missing:
        return f"{name} is missing"
    if not entry["made_from"].endswith(".parquet"):
        found = store.list(keys.plain(name).rpartition("/")[0], recursive=False)
        return "" if found[keys.plain(name)].etag == entry["etag"] else f"{name} was changed"
    if hashlib.sha256(body).hexdigest() != sha256_of(entry["made_from"]):
        return f"{name} was changed"
    is_current = entry["made_from"] in {part["path"] for part in current.parts.values()}
    return "" if is_current else f"{name} is of an earlier version"
