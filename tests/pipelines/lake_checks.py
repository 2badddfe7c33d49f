from include.cli.verify import verify
from include.data.contract import Dataset
from include.lake.store import Store


def failed_checks(store: Store, *datasets: Dataset) -> list[str]:
    """Return the failed checks of `verify`."""
    return [
        f"{check.name}: {check.found}"
        for dataset in datasets
        for check in verify(store, dataset)
        if not check.passed
    ]
