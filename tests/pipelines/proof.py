"""The product's own proof, for tests of whole runs."""

from include.cli.verify import verify
from include.data.contract import Dataset
from include.lake.store import Store


def damage(store: Store, *datasets: Dataset) -> list[str]:
    """What `verify` finds; nothing in a lake that a run left behind."""
    return [
        f"{check.name}: {check.found}"
        for dataset in datasets
        for check in verify(store, dataset)
        if not check.passed
    ]
