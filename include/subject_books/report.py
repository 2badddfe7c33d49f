"""One readable screen of a run: what is new first, then what was odd, then where it lies."""

from __future__ import annotations

from collections.abc import Iterator

from include.first.lake import Lake
from include.first.screen import checks_told
from include.subject_books.load import Loaded
from include.subject_books.publish import Published
from include.subject_books.snapshot import KINDS
from include.subject_books.tables import MODEL, PUBLISHED
from include.subject_books.versions import KEYS


def render(lake: Lake, published: Published, loaded: Loaded | None) -> str:
    return "\n".join([*_news(published), "", *_run(lake, published), *_database(loaded), ""])


def _news(published: Published) -> Iterator[str]:
    rows, changes = published["rows"], published["changes"]
    yield (
        f"# Subject books: {published['subject']}, {_outcome(published)}, "
        f"{rows['books']:,} books, {rows['authors']:,} authors"
    )
    yield ""
    if published["source"] != "official":
        yield "Made-up data."
    for table in PUBLISHED:
        counts = changes[table.name]
        news = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        yield f"- {table.name}: {rows[table.name]:,} rows; {news or 'all as before'}"


def _outcome(published: Published) -> str:
    match published["outcome"]:
        case "published":
            return f"version {published['version']}"
        case "unchanged":
            return f"unchanged since version {published['head']}"
        case "overtaken":
            return f"older than version {published['head']}, which stays"
        case _:
            return "dry run, nothing was published"


def _run(lake: Lake, published: Published) -> Iterator[str]:
    subject = published["subject"]
    yield "## The run"
    yield f"- token: {published['token']}"
    yield f"- source: {published['source']}, read {published['observed_at']}"
    yield f"- the subject has {published['work_count']:,} books"
    for what, count in published["oddities"].items():
        yield f"- odd: {what}, {count:,}"
    yield from checks_told(published["checks"])
    if published["head"]:
        names = ",".join(table.name for table in PUBLISHED)
        plain = KEYS.plain(subject, f"{{{names}}}", f"{{{','.join(KINDS)}}}")
        yield f"- files: s3://{lake.bucket}/{plain}"
        yield f"- pointer: s3://{lake.bucket}/{KEYS.current(subject)}"


def _database(loaded: Loaded | None) -> Iterator[str]:
    if loaded is None:
        return
    yield f"- database: {loaded['where']}: {loaded['outcome']}, version {loaded['version']}"
    for table in MODEL.sorted_tables:
        before, after = loaded["before"][table.name], loaded["rows"][table.name]
        yield f"  - {table.name}: {after:,} rows ({after - before:+,})"
