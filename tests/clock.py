"""Sources state times in whole seconds, so two quick reads have the same time."""

import time
from datetime import UTC, datetime, timedelta

from include.data.contract import Dataset
from include.lake.keys import Keys
from include.lake.store import Store
from include.lake.table import load_version


def wait_for_a_later_moment(store: Store, dataset: Dataset) -> str:
    """Wait until a read is later than the current version; return the time of that version."""
    read_at: str = load_version(store, Keys(dataset.name).table).receipt["observed_at"]
    left = datetime.fromisoformat(read_at) + timedelta(seconds=1) - datetime.now(UTC)
    time.sleep(max(0, left.total_seconds()))
    return read_at
