"""Applies the module to moto, inspects and uses the stack, plans again, and destroys it."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from include.lake.keys import Keys
from local.processes import end_groups, free_port, start_group, wait_until
from plugins.hooks.store_hook import StoreHook
from plugins.notifications import NEWS_TO, send
from tests.deploy.terraform.terraform_cli import Terraform, settings

ROOT = Path(__file__).resolve().parents[3]
BUCKET, REGION, ACCOUNT = "headwaters-lake", "eu-central-1", "123456789012"
SUBJECT, BODY = "2 recalls became do-not-drive", b"what was landed"


@dataclass(frozen=True)
class Stack:
    """The resources between apply and destroy, and those that remain afterward."""

    outputs: dict[str, Any]
    second_plan: tuple[int, str]
    destroyed: tuple[int, str]
    state: dict[str, Any]
    remaining: dict[str, list[str]]


@contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = start_group(command, dict(os.environ), log, folder=ROOT)

    def ready() -> bool:
        try:
            return requests.get(f"{url}/moto-api/", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(ready, "moto", process, log)
        yield url
    finally:
        end_groups([process.pid])
        process.wait()


def run_module(module: Terraform, moto_url: str) -> Stack:
    module.set(**settings(endpoint_url=moto_url))
    applied = module("apply", "-auto-approve")
    assert applied.returncode == 0, applied.stdout
    outputs = {
        name: output["value"]
        for name, output in json.loads(module("output", "-json").stdout).items()
    }
    second_plan = module("plan", "-detailed-exitcode")
    state = _inspect(moto_url) | _use(outputs, moto_url)
    destroyed = module("destroy", "-auto-approve")
    return Stack(
        outputs,
        (second_plan.returncode, second_plan.stdout),
        (destroyed.returncode, destroyed.stdout),
        state,
        _remaining(moto_url),
    )


def _client(service: Any, url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


def _inspect(url: str) -> dict[str, Any]:
    s3, iam, glue = (_client(service, url) for service in ("s3", "iam", "glue"))
    buckets = {}
    for bucket in (BUCKET, f"{BUCKET}-athena"):
        lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        encryption = s3.get_bucket_encryption(Bucket=bucket)
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        buckets[bucket] = {
            "lifecycle": lifecycle,
            "encryption": json.dumps(encryption["ServerSideEncryptionConfiguration"]),
            "public": set(block.values()),
            "ownership": ownership,
            "policy": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
            "versioning": s3.get_bucket_versioning(Bucket=bucket).get("Status"),
        }
    roles = {}
    for role in ("airflow", "reader"):
        name = f"headwaters-{role}"
        roles[role] = {
            "trust": iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
            "policy": iam.get_role_policy(RoleName=name, PolicyName="lake"),
        }
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:headwaters-news"
    attributes = _client("sns", url).get_topic_attributes(TopicArn=topic)["Attributes"]
    return {
        "buckets": buckets,
        "roles": roles,
        "tables": glue.get_tables(DatabaseName="headwaters")["TableList"],
        "workgroup": _client("athena", url).get_work_group(WorkGroup="headwaters")["WorkGroup"],
        "topic": json.loads(attributes["Policy"]),
    }


def _use(outputs: dict[str, Any], url: str) -> dict[str, Any]:
    """Write to the lake and send news with the outputs, as a task does."""
    s3, sns, sqs = (_client(service, url) for service in ("s3", "sns", "sqs"))
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    (to,) = json.loads(outputs["headwaters_news_to"])
    sns.subscribe(
        TopicArn=to["target_arn"],
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:subscriber",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_ENDPOINT_URL_STS", url)  # not an output
        patch.setenv("AIRFLOW_CONN_LAKE", outputs["airflow_conn_lake"])
        patch.setenv(NEWS_TO, outputs["headwaters_news_to"])
        # moto treats a condition that it does not know, such as TLS, as false.
        s3.delete_bucket_policy(Bucket=BUCKET)
        store = StoreHook().get_conn()
        store.put(Keys("vehicle_recalls").staging("read", "landed"), BODY)
        sent = list(send(NEWS_TO, {"headline": SUBJECT, "news": "- one\n- two"}))
        message = json.loads(sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])
        read_back = store.get(Keys("vehicle_recalls").staging("read", "landed"))
        _empty(s3)
    sqs.delete_queue(QueueUrl=queue)
    return {
        "sent": sent,
        "message": message,
        "read_back": read_back,
        "assumed_role": "AWS_SESSION_TOKEN" in store.options,
    }


def _empty(s3: Any) -> None:
    """Terraform only destroys an empty bucket."""
    found = s3.list_object_versions(Bucket=BUCKET)
    for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


def _remaining(url: str) -> dict[str, list[str]]:
    def names(service: str, method: str, of: str, name: str) -> list[str]:
        return [found[name] for found in getattr(_client(service, url), method)()[of]]

    return {
        "buckets": names("s3", "list_buckets", "Buckets", "Name"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "databases": names("glue", "get_databases", "DatabaseList", "Name"),
        "workgroups": names("athena", "list_work_groups", "WorkGroups", "Name"),
        "topics": names("sns", "list_topics", "Topics", "TopicArn"),
    }
