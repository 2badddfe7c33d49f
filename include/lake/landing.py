"""Raw pages: what the API sent, byte for byte, with a manifest that makes them readable again."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypedDict, cast

from isal import igzip, isal_zlib

from include.data.contract import Dataset
from include.errors import PermanentError
from include.http.response import Response
from include.lake.keys import READ_ID, Keys
from include.lake.reads import Covers, Moment, Read, Source, SourceMismatch, start_read
from include.lake.store import Damaged, Store, parallel_map


class Page(TypedDict):
    key: str
    sha256: str
    rows: int


class RawPages(TypedDict):
    """One batch of a read, as it is in raw/."""

    read: Read
    batch: str  # which of the planned batches it is
    label: str  # the folder: a batch that was landed twice has two
    moment: Moment
    partitions: list[str]  # that the batch covers, with rows or without
    pages: list[Page]
    facts: dict[str, Any]  # the pipeline's own


def land_answers(
    store: Store,
    dataset: Dataset,
    source: str,
    run_id: str,
    answers: Sequence[Response],
    *,
    covers: Covers,
    moment: Moment | None = None,
    partitions: Iterable[str] = ("",),
    facts: Mapping[str, Any] | None = None,
) -> RawPages:
    """Begin a read of one batch and land its answers; `moment` is theirs unless given."""
    publisher = publisher_of(answers)
    times = sorted(f"{answer.date:%Y-%m-%dT%H:%M:%SZ}" for answer in answers)
    moment = moment or Moment(began_at=times[0], answered_at=times[-1], modified_at="")
    origin = Source(dataset=source, publisher=publisher)
    read, _ = start_read(store, dataset, origin, run_id, covers=covers)
    pages = [
        land_page(store, dataset, read, "all", number, answer.gzipped)
        for number, answer in enumerate(answers)
    ]
    return finish_landing(store, dataset, read, pages, moment, partitions=partitions, facts=facts)


def publisher_of(answers: Iterable[Response]) -> str:
    """The one publisher of all answers: made-up and real data never meet."""
    publishers = sorted({answer.publisher for answer in answers})
    if len(publishers) > 1:
        raise SourceMismatch(
            f"the answers of one read are {' and '.join(publishers)}; nothing was published. "
            "Correct the connections, then start a new run"
        )
    return publishers[0]


def land_page(
    store: Store,
    dataset: Dataset,
    read: Read,
    label: str,
    number: int,
    gzipped: bytes,
    *,
    rows: int = 0,
) -> Page:
    key = Keys(dataset.name).raw_page(read["read_id"], label, number)
    store.put(key, gzipped)
    return Page(key=key, sha256=hashlib.sha256(gzipped).hexdigest(), rows=rows)


def finish_landing(
    store: Store,
    dataset: Dataset,
    read: Read,
    pages: list[Page],
    moment: Moment,
    *,
    label: str = "all",
    batch: str = "",
    partitions: Iterable[str] = ("",),
    facts: Mapping[str, Any] | None = None,
) -> RawPages:
    """Write the manifest: all pages of the batch are there."""
    raw = RawPages(
        read=read,
        batch=batch or label,
        label=label,
        moment=moment,
        partitions=sorted(partitions),
        pages=pages,
        facts=dict(facts or {}),
    )
    key = Keys(dataset.name).manifest(read["read_id"], label)
    store.put(key, json.dumps(raw, sort_keys=True).encode())
    return raw


def read_page(store: Store, page: Page) -> bytes:
    """The unpacked bytes of a landed page; Damaged if they are not those that came."""
    gzipped = store.get(page["key"])
    if hashlib.sha256(gzipped).hexdigest() != page["sha256"]:
        raise Damaged(
            f"{store.url(page['key'])} is damaged (its sha256 differs); restore it from a copy, "
            "or start a new run"
        )
    try:
        return bytes(igzip.decompress(gzipped))
    except (OSError, EOFError, isal_zlib.error):
        raise Damaged(f"{store.url(page['key'])} was not sent as valid gzip") from None


def landed_batches(
    store: Store, dataset: Dataset, read_id: str, labels: Collection[str] = ()
) -> list[RawPages]:
    """Every batch of a read, all of one state of the source; refused when one is missing.

    A batch may have been landed twice: `labels` name the landings that were published, otherwise
    the newest is taken.
    """
    if not READ_ID.fullmatch(read_id):
        raise PermanentError(
            f"{read_id!r} is not a read id; a report has one, such as 20261121T104304-d9c96462"
        )
    folder = Keys(dataset.name).raw_folder(read_id)
    manifests = [key for key in store.list(folder) if key.endswith("/manifest.json")]
    landed = parallel_map(lambda key: _manifest(store, key), manifests)
    found: dict[str, dict[str, RawPages]] = {}  # by state of the source, and batch
    for raw in sorted(landed, key=lambda raw: raw["moment"]["answered_at"]):
        if not labels or raw["label"] in labels:
            found.setdefault(raw["moment"]["modified_at"], {})[raw["batch"]] = raw
    for _, batches in sorted(found.items(), reverse=True):
        if all(len(batches) == raw["read"]["batches"] for raw in batches.values()):
            return sorted(batches.values(), key=lambda raw: raw["label"])
    raise PermanentError(
        f"{dataset.name} has no complete landing of the read {read_id} in {store.url(folder)}; "
        "take the read id of a newer read, or restore it from a copy"
    )


def _manifest(store: Store, key: str) -> RawPages:
    try:
        return cast("RawPages", json.loads(store.get(key)))
    except ValueError:
        raise Damaged(f"{store.url(key)} is damaged; restore it from a copy") from None
