"""Terraform refuses invalid variables with one clear line each, before it calls AWS."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.terraform.terraform_cli import FOLDER, NEEDED, Terraform, settings

pytestmark = NEEDED

ROLE = "arn:aws:iam::123456789012:role/mwaa"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC1"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1a-2b"
ACCOUNT = "system:serviceaccount:airflow:worker"
READER = {"roles": [ROLE]}
ONE_WAY, BAD_ROLE = "trust needs exactly one of", "`roles` with an invalid ARN"
BAD_SUBJECTS = "an `oidc` with missing or invalid subjects"


@pytest.fixture
def only_variables(tmp_path: Path) -> Terraform:
    """A folder with the variables alone, which needs no provider."""
    shutil.copy(FOLDER / "variables.tf", tmp_path)
    return Terraform(tmp_path)


def refusals(terraform: Terraform, **changes: Any) -> list[str]:
    """The messages, each unwrapped to one line."""
    terraform.set(**settings(**changes))
    done = terraform("plan")
    assert (done.returncode == 0) == ("Error:" not in done.stdout), done.stdout
    said = [part.split("This was checked by")[0] for part in done.stdout.split("Error: ")[1:]]
    return [" ".join(part.split("\n\n")[-2].split()) for part in said]


@pytest.mark.parametrize(
    "trust",
    [
        {"roles": [ROLE, "arn:aws-cn:iam::123456789012:role/path/to/name+=,.@_-"]},
        {"ecs_tasks": True},
        {"oidc": {"provider_arn": PROVIDER, "subjects": [ACCOUNT]}},
    ],
    ids=["roles", "ecs", "oidc"],
)
def test_valid_variables(only_variables: Terraform, trust: dict[str, Any]) -> None:
    for bucket in ("abc", "a" * 56):
        more = {"bucket": bucket, "name": "a", "endpoint_url": "http://127.0.0.1:5000"}
        assert not refusals(only_variables, trust={"airflow": trust, "reader": READER}, **more)


@pytest.mark.parametrize(
    "bucket",
    ["", "ab", "a" * 57, "My-lake", "my_lake", "my.lake", "-lake", "lake-", "a--b", "xn--lake"],
)
def test_bad_buckets(only_variables: Terraform, bucket: str) -> None:
    (said,) = refusals(only_variables, bucket=bucket)
    assert f'The bucket "{bucket}" is not a valid name' in said


@pytest.mark.parametrize(
    ("trust", "message"),
    [
        ({}, ONE_WAY),
        ({"roles": []}, ONE_WAY),
        ({"role": [ROLE]}, ONE_WAY),
        ({"roles": [ROLE], "ecs_tasks": True}, ONE_WAY),
        ({"roles": ["*"]}, BAD_ROLE),
        ({"roles": [ROLE, "arn:aws:iam::123456789012:root"]}, BAD_ROLE),
        ({"roles": ["arn:aws:iam::123456789012:role/*"]}, BAD_ROLE),
        ({"roles": ["arn:aws:iam::12345:role/mwaa"]}, BAD_ROLE),
        ({"roles": [""]}, BAD_ROLE),
        ({"oidc": {"provider_arn": ROLE, "subjects": [ACCOUNT]}}, "an invalid provider_arn"),
        ({"oidc": {"provider_arn": PROVIDER, "subjects": []}}, BAD_SUBJECTS),
        ({"oidc": {"provider_arn": PROVIDER, "subjects": None}}, BAD_SUBJECTS),
        (
            {"oidc": {"provider_arn": PROVIDER, "subjects": ["system:serviceaccount:a:*"]}},
            BAD_SUBJECTS,
        ),
    ],
)
def test_bad_trust(only_variables: Terraform, trust: dict[str, Any], message: str) -> None:
    (said,) = refusals(only_variables, trust={"airflow": trust, "reader": READER})
    assert message in said


def test_trust_needs_both_roles(only_variables: Terraform) -> None:
    (said,) = refusals(only_variables, trust={"airflow": READER, "writer": READER})
    assert (
        'trust must have `airflow` and `reader`, and nothing else; it has ["airflow","writer"]'
        in said
    )
    (said,) = refusals(only_variables, trust={"airflow": None, "reader": READER})
    assert 'it has ["reader"]' in said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("region", "Frankfurt", "The region"),
        ("region", "eu-central", "The region"),
        ("name", "Headwaters", "The name"),
        ("name", "head-waters", "The name"),
        ("name", "a" * 41, "The name"),
        ("name", "default", "The name"),
        ("name", "primary", "The name"),
        ("staging_days", 2, "staging_days is 2;"),
        ("staging_days", 3651, "staging_days is 3651;"),
        ("staging_days", 3.5, "staging_days is 3.5;"),
        ("noncurrent_days", 0, "noncurrent_days is 0;"),
        ("answers_days", 0, "answers_days is 0;"),
        ("scan_limit_mb", 9, "scan_limit_mb is 9;"),
        ("scan_limit_mb", 1_000_001, "scan_limit_mb is "),
        ("site_domain", {"name": "recalls", "certificate_arn": CERTIFICATE}, "The name of site"),
        (
            "site_domain",
            {"name": "recalls.example.org", "certificate_arn": "arn:aws:acm:eu-central-1:1:x"},
            "The certificate_arn of site_domain",
        ),
        ("endpoint_url", "127.0.0.1:5000", "The endpoint_url"),
        ("endpoint_url", "http://me:secret@127.0.0.1:5000", "The endpoint_url"),
        ("endpoint_url", "http://127.0.0.1:5000/s3", "The endpoint_url"),
    ],
)
def test_bad_values(only_variables: Terraform, name: str, value: Any, message: str) -> None:
    (said,) = refusals(only_variables, **{name: value})
    assert said.startswith(message)


def test_all_errors_are_reported_at_once(only_variables: Terraform) -> None:
    wrong = {"bucket": "My lake", "region": "here", "trust": {}, "staging_days": 0}
    assert len(refusals(only_variables, **wrong)) == len(wrong)


@pytest.mark.parametrize("name", ["bucket", "region", "name", "staging_days", "trust"])
def test_null_is_refused_without_a_default(only_variables: Terraform, name: str) -> None:
    said = refusals(only_variables, **{name: None})
    assert len(said) == (0 if name in {"name", "staging_days"} else 1)
