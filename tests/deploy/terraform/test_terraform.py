"""The module against moto: applied, planned without drift, used, and destroyed.

moto ignores policies (test_least_privilege.py tests them), and its Athena runs no query.
"""

import json
from typing import Any

import pytest

from include.data.catalog import datasets
from plugins.notifications import NEWS_TO
from tests.deploy.terraform.iam import NAMES, POLICIES
from tests.deploy.terraform.one_life import BODY, BUCKET, SUBJECT, Life, lived, running_moto
from tests.deploy.terraform.terraform_cli import NEEDED, Terraform, settings

pytestmark = NEEDED


@pytest.fixture(scope="module")
def life(module: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Life:
    with running_moto(tmp_path_factory.mktemp("moto")) as url:
        return lived(module, url)


def test_second_plan_has_no_changes(life: Life) -> None:
    code, output = life.planned
    assert code == 0, output
    assert "No changes." in output


def test_destroy_leaves_nothing(life: Life) -> None:
    """Every account has the workgroup `primary`."""
    code, output = life.destroyed
    assert code == 0, output
    assert life.left == {
        "buckets": [],
        "roles": [],
        "databases": [],
        "workgroups": ["primary"],
        "topics": [],
    }


@pytest.mark.parametrize("bucket", [BUCKET, f"{BUCKET}-athena"])
def test_buckets_are_private_and_encrypted(life: Life, bucket: str) -> None:
    seen = life.seen["buckets"][bucket]
    assert seen["public"] == {True}
    assert seen["ownership"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AES256" in seen["encryption"]
    (statement,) = seen["policy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:aws:s3:::{bucket}"
    assert (statement["Action"], statement["Resource"]) == ("s3:*", [f"{arn}/*", arn])


def test_only_the_lake_is_versioned(life: Life) -> None:
    found = {bucket: seen["versioning"] for bucket, seen in life.seen["buckets"].items()}
    assert found == {BUCKET: "Enabled", f"{BUCKET}-athena": None}


def test_only_staging_expires(life: Life) -> None:
    """`prune` deletes the rest, because it knows which objects are still needed."""
    rules = life.seen["buckets"][BUCKET]["lifecycle"]
    ages = {r["Filter"]["Prefix"]: r["Expiration"]["Days"] for r in rules if _ages(r)}
    assert ages == {f"{name}/staging/": 14 for name in datasets()}


def _ages(rule: Any) -> bool:
    assert rule["Status"] == "Enabled"
    assert "Transitions" not in rule
    return bool(rule.get("Expiration", {}).keys() & {"Days", "Date"})


def test_old_versions_and_unfinished_uploads_expire(life: Life) -> None:
    (rule,) = (r for r in life.seen["buckets"][BUCKET]["lifecycle"] if not _ages(r))
    assert not rule["Filter"].get("Prefix")
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize("role", ["airflow", "reader"])
def test_roles_have_the_tested_policies(life: Life, role: str) -> None:
    seen = life.seen["roles"][role]
    written = (POLICIES / f"{role}.json").read_text()
    for name, value in NAMES.items():
        written = written.replace(f"${{{name}}}", value)
    wanted = json.loads(written.replace(NAMES["lake"], f"arn:aws:s3:::{BUCKET}"))
    assert seen["policy"]["PolicyDocument"] == wanted
    (statement,) = seen["trust"]["Statement"]
    trusted = settings()["trust"][role]["roles"][0]
    assert statement["Principal"] == {"AWS": trusted}
    assert statement["Action"] == "sts:AssumeRole"


def test_glue_has_each_table(life: Life) -> None:
    tables = json.loads((POLICIES.parent / "tables.json").read_text())
    assert {table["Name"] for table in life.seen["tables"]} == tables.keys()
    for table in life.seen["tables"]:
        wanted, storage = tables[table["Name"]], table["StorageDescriptor"]
        place = f"s3://{BUCKET}/{wanted['folder']}"
        assert storage["Location"] == storage["SerdeInfo"]["Parameters"]["path"] == place
        assert table["Parameters"]["spark.sql.sources.provider"] == "delta"
        columns = [
            {"name": c["Name"], "type": c["Type"], "comment": c["Comment"]}
            for c in storage["Columns"]
        ]
        assert columns == wanted["columns"]


def test_athena_is_limited(life: Life) -> None:
    settled = life.seen["workgroup"]["Configuration"]
    assert settled["EnforceWorkGroupConfiguration"] is True
    assert settled["BytesScannedCutoffPerQuery"] == 10_000 * 1024 * 1024
    assert settled["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}-athena/"


def test_connection_from_the_outputs_writes_to_the_lake(life: Life) -> None:
    assert life.seen["assumed_role"]
    assert life.seen["read_back"] == BODY
    assert life.outputs["environment"]["LAKE_BUCKET"] == BUCKET
    assert "password" not in json.dumps(life.outputs)


def test_news_reach_a_subscriber(life: Life) -> None:
    """Sent by Airflow's notifier, as the output for HEADWATERS_NEWS_TO has it."""
    assert life.seen["sent"] == [f"{NEWS_TO}, entry 1"]
    message = life.seen["message"]
    assert (message["Subject"], message["Message"]) == (SUBJECT, "- one\n- two")


def test_only_airflow_publishes_to_the_topic(life: Life) -> None:
    allow, deny = life.seen["topic"]["Statement"]
    assert allow["Principal"] == {"AWS": life.outputs["roles"]["airflow"]}
    assert allow["Action"].lower() == deny["Action"].lower() == "sns:publish"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
