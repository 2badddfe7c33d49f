"""Whether the rows come out the same from the raw pages, where these are still there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from include.cli.questions import KnownVersion
from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.retransform import rebuild_plan
from include.lake.store import Store, StoreError
from include.lake.table import Version


def raw_checks(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Iterator[Check]:
    """Each partition by the version that last changed it."""
    changed_by: defaultdict[int, list[str]] = defaultdict(list)
    last = {name: v for v in versions for name in v.receipt["changed"]}
    for name in current.parts.keys() & last.keys():
        changed_by[last[name].number].append(name)
    lost = sorted(current.parts.keys() - last.keys())
    same, skipped = 0, []
    differ = [f"no receipt says where {name or 'the table'} comes from" for name in lost]
    by_number = {version.number: version.receipt for version in versions}
    for number, names in sorted(changed_by.items()):
        receipt = by_number[number]
        if receipt["contract"] != dataset.version:
            skipped.append(f"version {number} is of contract {receipt['contract']}")
            continue
        read_id = receipt["replay_of"] or receipt["read_id"]
        if not store.list(Keys(dataset.name).raw_folder(read_id).rstrip("/")):
            skipped.append(f"the raw pages of version {number} were pruned")
            continue
        try:
            plan = rebuild_plan(store, dataset, receipt, number)
        except (PermanentError, StoreError) as error:
            differ.append(f"version {number}: {error}")
            continue
        for name in names:
            again = plan.parts.get(name)
            if again and again["content"] == receipt["parts"][name]["content"]:
                same += 1
            else:
                differ.append(f"{name or 'the table'} of version {number}")
    yield Check(
        "rows come out the same from the raw pages",
        not differ,
        examples(differ) or f"{count(same, 'partition')} of {len(current.parts):,}",
        "restore the raw pages from a copy" if differ else examples(skipped),
        warns=bool(skipped),
    )
