"""The module works on moto, which ignores policies; test_least_privilege.py tests those."""

import json
from typing import Any

import pytest

from include.data.catalog import datasets
from plugins.notifications import NEWS_TO
from tests.deploy.terraform.deployment import BODY, BUCKET, SUBJECT, Stack, run_module, running_moto
from tests.deploy.terraform.iam import NAMES, POLICIES
from tests.deploy.terraform.terraform_cli import NEEDS_TERRAFORM, Terraform, settings

pytestmark = NEEDS_TERRAFORM


@pytest.fixture(scope="module")
def stack(module: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    with running_moto(tmp_path_factory.mktemp("moto")) as url:
        return run_module(module, url)


def test_second_plan_has_no_changes(stack: Stack) -> None:
    code, output = stack.second_plan
    assert code == 0, output
    assert "No changes." in output


def test_destroy_leaves_nothing(stack: Stack) -> None:
    """AWS itself creates the workgroup `primary`."""
    code, output = stack.destroyed
    assert code == 0, output
    assert stack.remaining == {
        "buckets": [],
        "roles": [],
        "databases": [],
        "workgroups": ["primary"],
        "topics": [],
    }


@pytest.mark.parametrize("bucket", [BUCKET, f"{BUCKET}-athena"])
def test_buckets_are_private_and_encrypted(stack: Stack, bucket: str) -> None:
    state = stack.state["buckets"][bucket]
    assert state["public"] == {True}
    assert state["ownership"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AES256" in state["encryption"]
    (statement,) = state["policy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:aws:s3:::{bucket}"
    assert (statement["Action"], statement["Resource"]) == ("s3:*", [f"{arn}/*", arn])


def test_only_the_lake_is_versioned(stack: Stack) -> None:
    found = {bucket: state["versioning"] for bucket, state in stack.state["buckets"].items()}
    assert found == {BUCKET: "Enabled", f"{BUCKET}-athena": None}


def test_only_staging_expires(stack: Stack) -> None:
    """`prune` deletes the rest, because it knows which objects are needed."""
    rules = stack.state["buckets"][BUCKET]["lifecycle"]
    ages = {r["Filter"]["Prefix"]: r["Expiration"]["Days"] for r in rules if _expires(r)}
    assert ages == {f"{name}/staging/": 14 for name in datasets()}


def _expires(rule: Any) -> bool:
    assert rule["Status"] == "Enabled"
    assert "Transitions" not in rule
    return bool(rule.get("Expiration", {}).keys() & {"Days", "Date"})


def test_old_versions_and_unfinished_uploads_expire(stack: Stack) -> None:
    (rule,) = (r for r in stack.state["buckets"][BUCKET]["lifecycle"] if not _expires(r))
    assert not rule["Filter"].get("Prefix")
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize("role", ["airflow", "reader"])
def test_roles_have_the_tested_policies(stack: Stack, role: str) -> None:
    state = stack.state["roles"][role]
    template = (POLICIES / f"{role}.json").read_text()
    for name, value in NAMES.items():
        template = template.replace(f"${{{name}}}", value)
    expected = json.loads(template.replace(NAMES["lake"], f"arn:aws:s3:::{BUCKET}"))
    assert state["policy"]["PolicyDocument"] == expected
    (statement,) = state["trust"]["Statement"]
    trusted = settings()["trust"][role]["roles"][0]
    assert statement["Principal"] == {"AWS": trusted}
    assert statement["Action"] == "sts:AssumeRole"


def test_glue_has_each_table(stack: Stack) -> None:
    tables = json.loads((POLICIES.parent / "tables.json").read_text())
    assert {table["Name"] for table in stack.state["tables"]} == tables.keys()
    for table in stack.state["tables"]:
        expected, storage = tables[table["Name"]], table["StorageDescriptor"]
        location = f"s3://{BUCKET}/{expected['folder']}"
        assert storage["Location"] == storage["SerdeInfo"]["Parameters"]["path"] == location
        assert table["Parameters"]["spark.sql.sources.provider"] == "delta"
        columns = [
            {"name": c["Name"], "type": c["Type"], "comment": c["Comment"]}
            for c in storage["Columns"]
        ]
        assert columns == expected["columns"]


def test_athena_workgroup_has_a_scan_limit(stack: Stack) -> None:
    configuration = stack.state["workgroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 10_000 * 1024 * 1024
    assert configuration["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}-athena/"


def test_connection_output_can_write_to_the_lake(stack: Stack) -> None:
    assert stack.state["assumed_role"]
    assert stack.state["read_back"] == BODY
    assert stack.outputs["environment"]["LAKE_BUCKET"] == BUCKET
    assert "password" not in json.dumps(stack.outputs)


def test_news_reaches_a_subscriber(stack: Stack) -> None:
    """Airflow's notifier sends it to the output for HEADWATERS_NEWS_TO."""
    assert stack.state["sent"] == [f"{NEWS_TO}, entry 1"]
    message = stack.state["message"]
    assert (message["Subject"], message["Message"]) == (SUBJECT, "- one\n- two")


def test_only_airflow_publishes_to_the_topic(stack: Stack) -> None:
    allow, deny = stack.state["topic"]["Statement"]
    assert allow["Principal"] == {"AWS": stack.outputs["roles"]["airflow"]}
    assert allow["Action"].lower() == deny["Action"].lower() == "sns:publish"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
