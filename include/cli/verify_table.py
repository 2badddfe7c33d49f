"""Whether the table and the plain files are what the receipts say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.cli.questions import KnownVersion
from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.formatting import count
from include.data.tables import content_hash, null_counts
from include.lake.keys import Keys
from include.lake.staging import read_table_file
from include.lake.store import Damaged, Store, parallel_map
from include.lake.table import Version

RESTORE = "restore it from a copy"
REPORT = "report it, with this line"
NO_KEYS = pa.chunked_array([], pa.string())


def table_checks(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Iterator[Check]:
    found = parallel_map(lambda part: _check_file(store, dataset, *part), current.parts.items())
    problems = [problem for problem, _ in found if problem]
    files = count(len(found), "file")
    yield Check(
        "files of the table are what the receipt says", not problems, examples(problems) or files
    )
    keys = pa.chunked_array([chunk for _, keys in found for chunk in keys.chunks], pa.string())
    repeated = len(keys) - pc.count_distinct(keys).as_py()
    what = f"{repeated:,} repeated" if repeated else f"{len(keys):,} keys"
    yield Check(f"{dataset.key} is unique", not repeated, what, REPORT)
    receipt = {name: (part["path"], part["rows"]) for name, part in current.parts.items()}
    logged = {file.partition: (file.path, file.rows) for file in current.files().values()}
    differ = sorted(n for n in {*receipt, *logged} if receipt.get(n) != logged.get(n))
    yield Check(
        "the log names the receipt's files",
        not differ,
        examples(differ) or files,
        "another program wrote to the table; restore the version before that",
    )
    wrong = [f"version {v.number}" for v in versions if not _counts_add_up(v.receipt)]
    what = examples(wrong) or count(len(versions), "version")
    yield Check("counts of the receipts add up", not wrong, what, REPORT)
    yield _older_files_check(store, dataset, current, versions)


def _check_file(
    store: Store, dataset: Dataset, partition: str, part: Any
) -> tuple[str, pa.ChunkedArray]:
    """What is wrong with a file of the table, and its keys."""
    path = part["path"]
    try:
        rows = read_table_file(store, dataset, path)
    except Damaged as error:
        return str(error), NO_KEYS
    except (pa.ArrowException, ValueError, OSError):
        return f"{path} is not valid Parquet", NO_KEYS
    if not rows.schema.equals(dataset.schema):
        return f"{path} has other columns", NO_KEYS
    keys = dataset.keys(rows)
    known = (part["rows"], part["nulls"], part["content"])
    if known != (rows.num_rows, null_counts(rows), content_hash(dataset, rows)):
        return f"{path} has other rows than its receipt says", keys
    outside = set(dataset.partitions(rows).unique().to_pylist()) - {partition}
    return f"{path} has rows of {examples(sorted(outside))}" if outside else "", keys


def _counts_add_up(receipt: Mapping[str, Any]) -> bool:
    counts = receipt["counts"]
    parts = ("published", "edited", "unchanged", "carried_over")
    in_files = sum(part["rows"] for part in receipt["parts"].values())
    return (counts["landed"], counts["rows"], in_files) == (
        counts["valid"] + counts["quarantined"],
        sum(counts[name] for name in parts),
        counts["rows"],
    )


def _older_files_check(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Check:
    """By size and ETag, in one listing; the bytes of the current version are hashed above."""
    keys = Keys(dataset.name)
    stored = store.list(keys.table)
    parts = [part for version in versions for part in version.receipt["parts"].values()]
    older = {part["path"]: part for part in parts}
    for part in current.parts.values():
        del older[part["path"]]
    found = {path: stored.get(keys.table_file(path)) for path in older}
    pruned = [path for path, stored_file in found.items() if stored_file is None]
    changed = [
        path
        for path, file in found.items()
        if file and (file.size, file.etag) != (older[path]["size"], older[path]["etag"])
    ]
    hint = f"pruned from earlier versions: {count(len(pruned), 'file')}" if pruned else ""
    return Check(
        "files of earlier versions are unchanged",
        not changed,
        examples(changed) or count(len(older) - len(pruned), "file"),
        RESTORE if changed else hint,
        warns=bool(pruned),
    )


def plain_file_checks(store: Store, dataset: Dataset, current: Version) -> Iterator[Check]:
    """Plain files are what the last refresh wrote, and that was of the current version."""
    keys = Keys(dataset.name)
    hint = f"run the command `refresh --dataset {dataset.name}`"
    paths = {part["path"] for part in current.parts.values()}
    for folder in ("", "aggregates/"):
        manifest = f"{folder}_plain_files.json"
        body = store.get_if_exists(keys.plain(manifest))
        if body is None:
            continue
        try:
            files = {n: (e["made_from"], e["etag"]) for n, e in json.loads(body).items()}
        except (ValueError, TypeError, AttributeError, KeyError):
            yield Check(manifest, False, "it is damaged", hint)
            continue
        folders = {keys.plain(name).rpartition("/")[0] for name in files}
        listed = parallel_map(lambda each: store.list(each, recursive=False), folders)
        etags = {key: item.etag for listing in listed for key, item in listing.items()}
        problems = []
        for name, (made_from, etag) in files.items():
            if (found := etags.get(keys.plain(name))) != etag:
                problems.append(f"{name} {'was changed' if found else 'is missing'}")
            elif made_from.endswith(".parquet") and made_from not in paths:
                problems.append(f"{name} is of an earlier version")
        what = examples(problems) or count(len(files), "file")
        statement = "aggregations are unchanged" if folder else "plain files are up to date"
        yield Check(statement, not problems, what, hint)
