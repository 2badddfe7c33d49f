"""Whether the ledger says how the baseline became the current version."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from include.cli.questions import KnownVersion
from include.data.apply_events import apply_events
from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.store import Store
from include.lake.table import Version, load_version
from include.lake.version_diff import compared_rows

RESTORE = "restore it from a copy"


def ledger_checks(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Iterator[Check]:
    baseline = current.receipt["baseline"]
    if baseline is None:
        yield Check("ledger", True, "begins with the first full read")
        return
    since = [version for version in versions if version.number >= baseline]
    damaged, events = [], []
    for version in since[1:]:
        try:
            events.append(read_events(store, dataset, version.receipt))
        except PermanentError as error:
            damaged.append(str(error))
    rows = sum(table.num_rows for table in events)
    yield Check(
        "event files hash to the sha256 in their names",
        not damaged,
        examples(damaged) or f"{rows:,} events of {count(len(events), 'version')}",
        RESTORE,
    )
    yield _table_check(store, dataset, versions)
    if not damaged:
        yield _replay_check(store, dataset, since[0], current, events)


def _table_check(store: Store, dataset: Dataset, versions: Sequence[KnownVersion]) -> Check:
    """The ledger's Delta table has the events of each version exactly once."""
    ledger = load_version(store, Keys(dataset.name).ledger)
    expected = {
        version.receipt["events"]["path"]: version.receipt["events"]["rows"]
        for version in versions
        if version.receipt["events"]
    }
    found = {file.path: file.rows for file in ledger.files().values()}
    differ = sorted(p for p in {*expected, *found} if expected.get(p) != found.get(p))
    return Check(
        "the ledger's table has every version once",
        not differ,
        examples(differ) or count(len(expected), "file"),
        f"run the command `refresh --dataset {dataset.name}`; {RESTORE} if it stays",
    )


def _replay_check(
    store: Store,
    dataset: Dataset,
    baseline: KnownVersion,
    current: Version,
    events: Sequence[pa.Table],
) -> Check:
    name = "the ledger replayed onto the baseline is the current version"
    try:
        rows = compared_rows(store, dataset, baseline.receipt["parts"])
        for table in events:
            rows = apply_events(dataset, rows, table)
        now = compared_rows(store, dataset, current.parts)
    except PermanentError as error:
        return Check(name, False, str(error), RESTORE)
    order = [(dataset.key, "ascending")]
    same = rows.sort_by(order).equals(now.sort_by(order))
    return Check(name, same, f"{now.num_rows:,} rows" if same else "it is not", RESTORE)
