"""Transform the landed pages of a read again and compare the result; nothing is written.

To publish it, trigger the DAG with the source `raw:` and the read id, where the DAG has one.

Example: python -m include.cli replay 20261121T104304-d9c96462
"""

import argparse

from include.cli.questions import current_or_refuse, versions_of
from include.data.catalog import dataset_named
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.rebuild import rebuild_plan
from include.lake.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("read_id", metavar="READ_ID", help="as reports and receipts name it")


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    versions = versions_of(store, current_or_refuse(store, dataset))
    found = [v for v in versions if asked.read_id in {v.receipt["read_id"], v.receipt["replay_of"]}]
    if not found:
        raise PermanentError(
            f"no version of {dataset.name} was published from the read {asked.read_id}; "
            f"the newest is {versions[-1].receipt['read_id']}"
        )
    version = found[-1]
    plan = rebuild_plan(store, dataset, version.receipt, version.number)
    again = {name: part["content"] for name, part in plan.parts.items()}
    then = {name: part["content"] for name, part in version.receipt["parts"].items()}
    differ = [n for n in sorted({*again, *then}) if again.get(n) != then.get(n)]
    print(
        f"version {version.number}, read {asked.read_id}: "
        f"{count(plan.landed, 'row')} landed, {plan.quarantine.num_rows:,} quarantined; "
        + (f"other rows in {', '.join(differ)}" if differ else "every partition comes out the same")
    )
    return 1 if differ else 0
