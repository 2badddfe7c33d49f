"""The clock of the sources counts seconds: two reads within one have the same moment."""

import time
from datetime import UTC, datetime, timedelta

from include.data.contract import Dataset
from include.lake.keys import Keys
from include.lake.store import Store
from include.lake.table import load_version


def wait_for_a_later_moment(store: Store, dataset: Dataset) -> str:
    """Wait until a read has a later moment than the current version; returns the version's."""
    read_at: str = load_version(store, Keys(dataset.name).table).receipt["observed_at"]
    left = datetime.fromisoformat(read_at) + timedelta(seconds=1) - datetime.now(UTC)
    time.sleep(max(0, left.total_seconds()))
    return read_at
