"""The policies of both roles allow exactly what the code does, as a proxy enforces them.

They were not tested on AWS.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pytest
from botocore.client import BaseClient
from sqlalchemy import URL

from deploy.terraform.tables import glue_type
from fakes.control import Control
from include.lake.keys import Keys
from include.lake.store import StoreRefused
from include.lake.table import load_version
from include.subject_books.database import BooksDatabase
from include.vehicle_recalls.pipeline import refresh
from tests.conftest import new_store, open_store
from tests.deploy.terraform.guarded_s3 import Guard, guarded_s3
from tests.deploy.terraform.iam import LAKE, NAMES, POLICIES, Grant, Need, Policy
from tests.deploy.terraform.lake_activity import publish_and_prune, run_every_pipeline, run_readers

pytestmark = pytest.mark.slow
AIRFLOW, READER = Policy.of("airflow"), Policy.of("reader")
LOG = f"{LAKE}/vehicle_recalls/table/_delta_log/00000000000000000001.json"
TABLES = json.loads((POLICIES.parent / "tables.json").read_text(encoding="utf-8"))
CHANGE_ACTIONS = ("s3:Put", "s3:Delete", "s3:Abort")


@dataclass(frozen=True)
class Activity:
    """The actions that the role `airflow` needed, and the filled buckets."""

    airflow: Guard
    buckets: list[str]
    keys: set[str]


@pytest.fixture(scope="module")
def activity(
    s3: BaseClient,
    s3_url: str,
    _local_apis: tuple[str, Control],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Activity]:
    url, control = _local_apis
    path = tmp_path_factory.mktemp("books") / "books.db"
    database = BooksDatabase(URL.create("sqlite", database=str(path)))
    buckets = [new_store(s3, s3_url).bucket for _ in range(2)]
    with guarded_s3(s3_url, AIRFLOW) as guard:
        new, old = (open_store(guard.url, bucket) for bucket in buckets)
        control.reset()
        try:
            run_every_pipeline(new, url, control, database)
        finally:
            control.reset()
        publish_and_prune(old)
        yield Activity(guard, buckets, {key for bucket in (new, old) for key in bucket.list("")})


@pytest.fixture(scope="module")
def reader(activity: Activity, s3_url: str, tmp_path_factory: pytest.TempPathFactory) -> Guard:
    out = tmp_path_factory.mktemp("as-of")
    with guarded_s3(s3_url, READER) as guard:
        store = open_store(guard.url, activity.buckets[1])
        printed = run_readers(store, guard.url, "19V000002", out / "year-files")
        assert "valid: " in printed
    return guard


def test_airflow_role_allows_every_run(activity: Activity) -> None:
    """The activity is two days of every pipeline, a replay and a prune."""
    assert not activity.airflow.refused
    assert len(activity.airflow.needed) > 100


def test_airflow_role_grants_nothing_unused(activity: Activity) -> None:
    unused = [
        grant
        for grant in AIRFLOW.grants
        if not grant.pattern.startswith(NAMES["news"])
        and not any(grant.covers(need) for need in activity.airflow.needed)
    ]
    assert not unused


def test_reader_role_allows_commands_and_vin_service(reader: Guard) -> None:
    assert not reader.refused
    assert {need.action for need in reader.needed} == {"s3:GetObject", "s3:ListBucket"}


def test_reader_role_reads_only_published_files(activity: Activity) -> None:
    """It cannot read staging, aggregate counts and delivery records."""
    hidden = {
        "/".join(key.split("/")[:2])
        for key in activity.keys
        if not READER.allows(Need("s3:GetObject", f"{LAKE}/{key}"))
    }
    datasets = {key.split("/")[0] for key in activity.keys} - {"site"}
    staging = {f"{name}/staging" for name in datasets}
    assert hidden == staging | {"site_outages/deliveries", "vehicle_recalls/aggregates"}


def test_glue_tables_match_the_created_tables(activity: Activity, s3_url: str) -> None:
    store, first = open_store(s3_url, activity.buckets[0]), "_delta_log/00000000000000000000.json"
    folders = [key.removesuffix(f"/{first}") for key in store.list("") if key.endswith(first)]
    created = {}
    for folder in folders:
        handle = load_version(store, folder).handle
        schema = pa.schema(handle.schema().to_arrow())
        created[folder] = [(field.name.lower(), glue_type(field.type)) for field in schema]
    declared = {
        table["folder"]: [(column["name"], column["type"]) for column in table["columns"]]
        for table in TABLES.values()
    }
    assert created.items() <= declared.items()
    assert {folder for folder in declared if folder.endswith("/table")} <= created.keys()


def test_reader_role_denies_every_change(activity: Activity) -> None:
    changes = [need for need in activity.airflow.needed if need.action.startswith(CHANGE_ACTIONS)]
    assert len(changes) > 50
    assert not [need for need in changes if READER.allows(need)]


def test_refused_write_names_the_fix(activity: Activity, s3_url: str) -> None:
    with guarded_s3(s3_url, READER) as guard:
        store = open_store(guard.url, activity.buckets[1])
        refresh(store)  # writes nothing: everything is up to date
        with pytest.raises(StoreRefused, match="grant the connection `lake` access to it"):
            store.put(Keys("vehicle_recalls").raw_page("read", "batch", 0), b"")
    assert guard.refused


@pytest.mark.parametrize("policy", [AIRFLOW, READER], ids=["airflow", "reader"])
@pytest.mark.parametrize(
    "need",
    [
        Need("s3:DeleteObject", LOG),
        Need("s3:DeleteObject", LOG.replace("json", "checkpoint.parquet")),
        Need("s3:DeleteObject", f"{LAKE}/vehicle_recalls/ledger/0-read-sha256.parquet"),
        Need("s3:DeleteObject", f"{LAKE}/vehicle_recalls/reports/1.md"),
        Need("s3:DeleteObject", f"{LAKE}/shoe_prices/table/_delta_log/1.checkpoint.parquet"),
        Need("s3:DeleteObject", f"{LAKE}/site_outages/deliveries/a/00000001-pending.json"),
        Need("s3:DeleteObject", f"{LAKE}/subject_books/_plain_files.json"),
        Need("s3:DeleteObjectVersion", f"{LAKE}/vehicle_recalls/raw/read/batch/manifest.json"),
        Need("s3:PutObjectAcl", f"{LAKE}/vehicle_recalls/2019.parquet"),
        Need("s3:PutObject", f"{LAKE}/anything.parquet"),
        Need("s3:PutObject", f"{LAKE}/vehicle_recalls/anything.txt"),
        Need("s3:GetObject", f"{LAKE}/anything.parquet"),
        Need("s3:GetObject", f"{LAKE}-of-others/vehicle_recalls/2019.parquet"),
        *(
            Need(f"s3:{action}", LAKE)
            for action in (
                *("PutBucketPolicy", "DeleteBucketPolicy", "DeleteBucket", "ListBucketVersions"),
                *("PutLifecycleConfiguration", "PutBucketVersioning"),
            )
        ),
        Need("sns:Publish", NAMES["news"].replace("news", "other")),
        Need("glue:UpdateTable", f"{NAMES['glue']}:table/headwaters/vehicle_recalls"),
        Need("glue:GetTable", f"{NAMES['glue']}:table/others/vehicle_recalls"),
        Need("athena:StartQueryExecution", NAMES["workgroup"].replace("headwaters", "primary")),
        Need("athena:DeleteWorkGroup", NAMES["workgroup"]),
        Need("iam:PassRole", "arn:aws:iam::123456789012:role/headwaters-airflow"),
    ],
    ids=lambda need: f"{need.action}-{need.resource[-40:]}",
)
def test_both_roles_deny_dangerous_actions(policy: Policy, need: Need) -> None:
    """Neither role deletes a commit, receipt or version, or changes bucket settings."""
    assert not policy.allows(need)


def test_grants_name_actions_and_folders() -> None:
    for grant in [*AIRFLOW.grants, *READER.grants]:
        assert "*" not in grant.action, grant
        assert grant.pattern.startswith(tuple(NAMES.values())), grant
        assert grant.pattern != f"{LAKE}/*", grant


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("a/*", "a/b/c", True),
        ("a/*", "b/a/c", False),
        ("a/????.parquet", "a/2019.parquet", True),
        ("a/????.parquet", "a/20190.parquet", False),
        ("a/????/*.parquet", "a/_delta_log/1.checkpoint.parquet", False),
        ("a.b", "acb", False),
    ],
)
def test_patterns_match_as_in_iam(pattern: str, text: str, covered: bool) -> None:
    assert Grant("s3:GetObject", pattern).covers(Need("s3:GetObject", text)) == covered
