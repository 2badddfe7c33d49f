"""The module against an emulator: applied, planned without drift, used, and destroyed.

moto stands for AWS. It does not decide by policies (test_least_privilege.py does), and Athena runs
no query in it.
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


def test_a_second_plan_has_nothing_to_do(life: Life) -> None:
    """What was applied is what is written: no drift."""
    code, said = life.planned
    assert code == 0, said
    assert "No changes." in said


def test_destroy_leaves_nothing(life: Life) -> None:
    """Of all that was made; the workgroup `primary` is each account's own."""
    code, said = life.destroyed
    assert code == 0, said
    assert life.left == {
        "buckets": [],
        "roles": [],
        "databases": [],
        "workgroups": ["primary"],
        "topics": [],
    }


@pytest.mark.parametrize("bucket", [BUCKET, f"{BUCKET}-athena"])
def test_buckets_are_closed(life: Life, bucket: str) -> None:
    """Nothing in them is public, in clear text, of another's, or sent in clear text."""
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
    """Athena's answers can be asked for again."""
    found = {bucket: seen["versioning"] for bucket, seen in life.seen["buckets"].items()}
    assert found == {BUCKET: "Enabled", f"{BUCKET}-athena": None}


def test_only_staging_expires(life: Life) -> None:
    """The command `prune` deletes what is old, because it knows what is still needed."""
    rules = life.seen["buckets"][BUCKET]["lifecycle"]
    ages = {r["Filter"]["Prefix"]: r["Expiration"]["Days"] for r in rules if _ages(r)}
    assert ages == {f"{name}/staging/": 14 for name in datasets()}


def _ages(rule: Any) -> bool:
    assert rule["Status"] == "Enabled"
    assert "Transitions" not in rule
    return bool(rule.get("Expiration", {}).keys() & {"Days", "Date"})


def test_what_was_overwritten_goes_in_the_end(life: Life) -> None:
    """Old versions, marks of deleted ones, and uploads that nobody finished, everywhere."""
    (rule,) = (r for r in life.seen["buckets"][BUCKET]["lifecycle"] if not _ages(r))
    assert not rule["Filter"].get("Prefix")
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize("who", ["airflow", "reader"])
def test_roles_are_what_was_tried(life: Life, who: str) -> None:
    """They may do what is written in policies/, which the code was run behind, and no more."""
    seen = life.seen["roles"][who]
    written = (POLICIES / f"{who}.json").read_text()
    for name, value in NAMES.items():
        written = written.replace(f"${{{name}}}", value)
    wanted = json.loads(written.replace(NAMES["lake"], f"arn:aws:s3:::{BUCKET}"))
    assert seen["may"]["PolicyDocument"] == wanted
    (statement,) = seen["trust"]["Statement"]
    trusted = settings()["trust"][who]["roles"][0]
    assert statement["Principal"] == {"AWS": trusted}
    assert statement["Action"] == "sts:AssumeRole"


def test_glue_has_each_table(life: Life) -> None:
    """In its place in the bucket, as Delta, with its columns."""
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
    """A user cannot read more at once, or write the answers elsewhere."""
    settled = life.seen["workgroup"]["Configuration"]
    assert settled["EnforceWorkGroupConfiguration"] is True
    assert settled["BytesScannedCutoffPerQuery"] == 10_000 * 1024 * 1024
    assert settled["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}-athena/"


def test_the_outputs_are_a_lake(life: Life) -> None:
    """A task with the connection assumes the role, and what it writes is in the bucket."""
    assert life.seen["as a role"]
    assert life.seen["back"] == BODY
    assert life.outputs["environment"]["LAKE_BUCKET"] == BUCKET
    assert "password" not in json.dumps(life.outputs)


def test_the_news_arrive(life: Life) -> None:
    """Who subscribes to the topic gets what HEADWATERS_NEWS_TO says, through Airflow's notifier."""
    assert life.seen["sent"] == [f"{NEWS_TO}, entry 1"]
    assert (life.seen["said"]["Subject"], life.seen["said"]["Message"]) == (SUBJECT, "- one\n- two")


def test_only_airflow_tells_the_news(life: Life) -> None:
    """The topic's policy names its role, and wants TLS of everybody."""
    allow, deny = life.seen["topic"]["Statement"]
    assert allow["Principal"] == {"AWS": life.outputs["roles"]["airflow"]}
    assert allow["Action"].lower() == deny["Action"].lower() == "sns:publish"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
