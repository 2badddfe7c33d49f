"""The report of one run: what was read, what changed, where the files are, and a few rows."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.checks import PASSED
from include.data.contract import Dataset
from include.data.formatting import count, printable
from include.data.tables import from_parquet
from include.data.templates import TEMPLATES
from include.lake.keys import Keys
from include.lake.plain_files import plain_file_names
from include.lake.publish import DRY_RUN, OUTDATED, PUBLISHED
from include.lake.store import Store

MAX_ROWS, MAX_WIDTH = 10, 40
LOCAL_FOLDER = "HEADWATERS_LOCAL_FOLDER"  # where a laptop mirrors the bucket


class Preview(NamedTuple):
    """The first rows of a table, as people see it."""

    title: str
    rows: pa.Table


def standard_report(
    store: Store, dataset: Dataset, receipt: Mapping[str, Any], *, noun: str, name: str
) -> str:
    """The report of a pipeline that needs none of its own: its files with their first rows."""
    files = plain_file_names(store, dataset)
    previews = [
        Preview(f"The first rows of {name}", from_parquet(body))
        for name in files
        if (body := store.get_if_exists(Keys(dataset.name).plain(name)))
    ]
    title = f"{name}: {headline(receipt, noun)}"
    return render(store, dataset, receipt, noun=noun, title=title, files=files, previews=previews)


def render(
    store: Store,
    dataset: Dataset,
    receipt: Mapping[str, Any],
    *,
    noun: str,
    title: str = "",
    news: str = "",
    files: Sequence[str] = (),
    facts: Sequence[str] = (),
    previews: Sequence[Preview] = (),
) -> str:
    """A report in Markdown; `files` are names below the dataset's folder.

    The title names the version, unless the pipeline has something else to say first.
    """
    keys, number = Keys(dataset.name), receipt["counts"]["quarantined"]
    quarantine = f"{count(number, 'row')}, with the reasons in " + where(
        store, keys.quarantine(receipt["read_id"])
    )
    return TEMPLATES.get_template("lake/report.md.j2").render(
        title=title or f"{dataset.name.replace('_', ' ').capitalize()}: {headline(receipt, noun)}",
        is_made_up=is_made_up(receipt),
        news=news.strip(),
        receipt=receipt,
        changes=_changes(receipt),
        quarantine=quarantine if number else "",
        facts=facts,
        files=[where(store, keys.plain(name)) for name in files],
        checks=receipt["checks"],
        others=[check for check in receipt["checks"] if check["outcome"] != PASSED],
        printable=printable,
        previews=[(preview.title, table_lines(preview.rows)) for preview in previews],
        command=command(f"changes --dataset {dataset.name} --version {receipt['version']}")
        if receipt["outcome"] == PUBLISHED and receipt["events"]
        else "",
    )


def headline(receipt: Mapping[str, Any], noun: str) -> str:
    rows = count(receipt["counts"]["rows"], noun)
    if receipt["outcome"] == PUBLISHED:
        return f"version {receipt['version']}, {rows}"
    if receipt["outcome"] == DRY_RUN:
        return f"dry run, {rows}; nothing was committed"
    if receipt["outcome"] == OUTDATED:
        return "the table has a later read; nothing was committed"
    return f"unchanged, {rows}; nothing was committed"


def is_made_up(receipt: Mapping[str, Any]) -> bool:
    return str(receipt["source"]["publisher"]).startswith("made-up")


def where(store: Store, key: str) -> str:
    """Where a file is: in the bucket, and on this laptop if the bucket is mirrored."""
    folder = os.environ.get(LOCAL_FOLDER)
    return f"{folder.rstrip('/')}/{key} ({store.url(key)})" if folder else store.url(key)


def command(arguments: str) -> str:
    """A command that works when it is pasted."""
    if os.environ.get(LOCAL_FOLDER):
        return f"make lake ARGS='{arguments}'"
    return f"python -m include.cli {arguments}"


def table_lines(rows: pa.Table, max_rows: int = MAX_ROWS) -> list[str]:
    """The first rows as an aligned table; long texts are cut."""
    if not rows.num_rows:
        return ["    (no rows)"]
    shown = rows.slice(0, max_rows).to_pandas()
    texts = shown.map(lambda value: _cut(printable(value)))
    lines = texts.to_string(index=False).splitlines()
    more = rows.num_rows - max_rows
    return [f"    {line}" for line in lines] + ([f"    ... and {more:,} more"] if more > 0 else [])


def _cut(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"


def _changes(receipt: Mapping[str, Any]) -> str:
    counts = dict(receipt["counts"])
    counts["not_read"] = 0
    if not receipt["outdated"]:  # rows of outdated partitions are in no count
        same = min(counts["valid"] - counts["published"] - counts["edited"], counts["unchanged"])
        counts |= {"unchanged": same, "not_read": counts["unchanged"] - same}
    names = ("published", "edited", "retracted", "unchanged", "carried_over", "not_read")
    shown = [
        f"{counts[name]:,} {name.replace('_', ' ')}"
        for name in names
        if counts[name] or name in {"published", "edited"}
    ]
    would = "would be " if receipt["outcome"] == DRY_RUN else ""
    return f"{counts['landed']:,} read; {would}{', '.join(shown)}"
