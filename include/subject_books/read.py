"""From the API to `raw/`: the pages of a subject and the records of its authors, byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import TypedDict

from include.errors import PermanentError
from include.first.keys import mint_token
from include.first.lake import Lake
from include.subject_books.gather import gather, taken
from include.subject_books.merged import records_of
from include.subject_books.open_library import OpenLibrary, Record, Said
from include.subject_books.shape import author_keys
from include.subject_books.versions import KEYS, newest, refuse_other_source

log = logging.getLogger(__name__)
WORKS, AUTHORS = "works", "authors"


class UnknownSubject(PermanentError):
    """Open Library has no books of it."""


class Landed(TypedDict):
    """One answer of the API in `raw/`."""

    key: str
    sha256: str


class Read(TypedDict):
    """What was read, and where it lies."""

    token: str
    run_id: str
    subject: str
    limit: int
    source: str  # official, or made-up with its seed
    observed_at: str  # when the subject was first asked for, by the clock of the API
    head_version: int
    work_count: int  # of the whole subject
    promised: int  # books that had to be seen, to know which ones come first
    came: int  # of these
    pages: list[Landed]
    records: list[Landed]


class MixedSources(PermanentError):
    """Answers of two sources in one read; made-up and real data never mix."""


def read(api: OpenLibrary, lake: Lake, subject: str, limit: int, run_id: str) -> Read:
    """Land the first `limit` books of the subject and the records of their authors."""
    token, head = mint_token(), newest(lake, subject)
    gathered = gather(lambda offset: api.page(subject, offset), limit)
    first = gathered.pages[0]
    if not first.work_count:
        raise UnknownSubject(
            f"Open Library knows no book of the subject {subject}; nothing was changed. Check its "
            "spelling against its page on openlibrary.org; words are joined by _"
        )
    refuse_other_source(head, first.said.publisher)
    answers = [page.said for page in gathered.pages]
    pages = [_land(lake, token, WORKS, number, said) for number, said in enumerate(answers)]
    records: list[Landed] = []

    def ask(keys: Sequence[str]) -> Mapping[str, Record]:
        found = api.authors(keys)
        answers.append(found.said)
        records.append(_land(lake, token, AUTHORS, len(records), found.said))
        return found.records

    records_of(author_keys(gathered.works), ask)
    if len(sources := {said.publisher for said in answers}) > 1:
        raise MixedSources(
            f"the answers of one read come from {' and '.join(sorted(sources))}; nothing was "
            "published. Look at what stands behind the connection `open_library_api`"
        )
    return Read(
        token=token,
        run_id=run_id,
        subject=subject,
        limit=limit,
        source=first.said.publisher,
        observed_at=first.said.answered_at,
        head_version=head.number,
        work_count=gathered.pages[-1].work_count,
        promised=gathered.promised,
        came=gathered.came,
        pages=pages,
        records=records,
    )


def landed_works(lake: Lake, read: Read) -> list[Record]:
    """The books that the read took, from what it landed."""
    bodies = [_again(lake, landed) for landed in read["pages"]]
    return taken((work for body in bodies for work in json.loads(body)["works"]), read["limit"])


def landed_records(lake: Lake, read: Read) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for landed in read["records"]:
        records |= json.loads(_again(lake, landed))["result"]
    return records


def _land(lake: Lake, token: str, batch: str, number: int, said: Said) -> Landed:
    key = KEYS.raw(token, batch, number)
    lake.put(key, said.gzipped)
    log.info("landed %s: %d bytes", key, len(said.gzipped))
    return Landed(key=key, sha256=hashlib.sha256(said.gzipped).hexdigest())


def _again(lake: Lake, landed: Landed) -> bytes:
    gzipped = lake.get(landed["key"])
    if hashlib.sha256(gzipped).hexdigest() != landed["sha256"]:
        raise PermanentError(f"{landed['key']} is not as it was landed; start a new run")
    return gzip.decompress(gzipped)
