"""Terraform refuses each invalid variable with one line, before it calls AWS."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.terraform.terraform_cli import FOLDER, NEEDS_TERRAFORM, Terraform, settings

pytestmark = NEEDS_TERRAFORM

ROLE = "arn:aws:iam::123456789012:role/mwaa"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC1"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1a-2b"
ACCOUNT = "system:serviceaccount:airflow:worker"
READER = {"roles": [ROLE]}
ONE_WAY, BAD_ROLE = "trust needs exactly one of", "`roles` with an invalid ARN"
BAD_SUBJECTS = "an `oidc` with missing or invalid subjects"


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    """A folder with only variables.tf, which needs no provider."""
    shutil.copy(FOLDER / "variables.tf", tmp_path)
    return Terraform(tmp_path)


def refusals(terraform: Terraform, **changes: Any) -> list[str]:
    """The error messages of a plan, one line each."""
    terraform.set(**settings(**changes))
    done = terraform("plan")
    assert (done.returncode == 0) == ("Error:" not in done.stdout), done.stdout
    errors = [part.split("This was checked by")[0] for part in done.stdout.split("Error: ")[1:]]
    return [" ".join(part.split("\n\n")[-2].split()) for part in errors]


@pytest.mark.parametrize(
    "trust",
    [
        {"roles": [ROLE, "arn:aws-cn:iam::123456789012:role/path/to/name+=,.@_-"]},
        {"ecs_tasks": True},
        {"oidc": {"provider_arn": PROVIDER, "subjects": [ACCOUNT]}},
    ],
    ids=["roles", "ecs", "oidc"],
)
def test_valid_variables_are_accepted(terraform: Terraform, trust: dict[str, Any]) -> None:
    for bucket in ("abc", "a" * 56):
        more = {"bucket": bucket, "name": "a", "endpoint_url": "http://127.0.0.1:5000"}
        assert not refusals(terraform, trust={"airflow": trust, "reader": READER}, **more)


@pytest.mark.parametrize(
    "bucket",
    ["", "ab", "a" * 57, "My-lake", "my_lake", "my.lake", "-lake", "lake-", "a--b", "xn--lake"],
)
def test_bad_bucket_is_refused(terraform: Terraform, bucket: str) -> None:
    (line,) = refusals(terraform, bucket=bucket)
    assert f'The bucket "{bucket}" is not a valid name' in line


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
def test_bad_trust_is_refused(terraform: Terraform, trust: dict[str, Any], message: str) -> None:
    (line,) = refusals(terraform, trust={"airflow": trust, "reader": READER})
    assert message in line


def test_trust_needs_both_roles(terraform: Terraform) -> None:
    (line,) = refusals(terraform, trust={"airflow": READER, "writer": READER})
    assert (
        'trust must have `airflow` and `reader`, and nothing else; it has ["airflow","writer"]'
        in line
    )
    (line,) = refusals(terraform, trust={"airflow": None, "reader": READER})
    assert 'it has ["reader"]' in line


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
def test_bad_value_is_refused(terraform: Terraform, name: str, value: Any, message: str) -> None:
    (line,) = refusals(terraform, **{name: value})
    assert line.startswith(message)


def test_all_errors_are_reported_together(terraform: Terraform) -> None:
    wrong = {"bucket": "My lake", "region": "here", "trust": {}, "staging_days": 0}
    assert len(refusals(terraform, **wrong)) == len(wrong)


@pytest.mark.parametrize("name", ["bucket", "region", "name", "staging_days", "trust"])
def test_null_is_refused_without_a_default(terraform: Terraform, name: str) -> None:
    lines = refusals(terraform, **{name: None})
    assert len(lines) == (0 if name in {"name", "staging_days"} else 1)
