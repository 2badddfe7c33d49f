"""Terraform plans the public site correctly; moto lacks the policies to apply it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.terraform.deployment import running_moto
from tests.deploy.terraform.terraform_cli import NEEDS_TERRAFORM, Terraform, settings

pytestmark = NEEDS_TERRAFORM

DOMAIN = {
    "name": "recalls.example.org",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1a-2b",
}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


def planned(module: Terraform, url: str, **changes: Any) -> dict[str, Any]:
    module.set(**settings(endpoint_url=url, **changes))
    done = module("plan", "-out=site.plan")
    assert done.returncode == 0, done.stdout
    plan: dict[str, Any] = json.loads(module("show", "-json", "site.plan").stdout)
    return plan


def cloudfront(plan: dict[str, Any]) -> dict[str, Any]:
    resources = plan["planned_values"]["root_module"]["resources"]
    return {
        each["address"].removeprefix("aws_cloudfront_"): each["values"]
        for each in resources
        if each["type"].startswith("aws_cloudfront_")
    }


@pytest.fixture(scope="module")
def site(module: Terraform, moto: str) -> dict[str, Any]:
    return planned(module, moto, public_site=True, site_domain=DOMAIN)


def test_site_is_off_by_default(module: Terraform, moto: str) -> None:
    plan = planned(module, moto)
    assert cloudfront(plan) == {}
    assert "SITE_URL" not in plan["planned_values"]["outputs"]["environment"]["value"]


def test_distribution_serves_only_the_site_folder(site: dict[str, Any]) -> None:
    distribution = cloudfront(site)['distribution.site["site"]']
    (origin,) = distribution["origin"]
    assert (origin["origin_path"], distribution["default_root_object"]) == ("/site", "index.html")
    assert distribution["aliases"] == [DOMAIN["name"]]
    control = cloudfront(site)['origin_access_control.site["site"]']
    assert (control["signing_behavior"], control["signing_protocol"]) == ("always", "sigv4")


def test_hashed_files_are_cached_for_a_year_and_others_for_a_minute(site: dict[str, Any]) -> None:
    distribution = cloudfront(site)['distribution.site["site"]']
    behaviors = [*distribution["default_cache_behavior"], *distribution["ordered_cache_behavior"]]
    assert {each["viewer_protocol_policy"] for each in behaviors} == {"redirect-to-https"}
    assert all(each["compress"] for each in behaviors)
    patterns = {each["path_pattern"] for each in distribution["ordered_cache_behavior"]}
    assert patterns == {"assets/*", "shards/*", "files/*"}
    for age, seconds in {"lasting": 31536000, "current": 60}.items():
        policy = cloudfront(site)[f'cache_policy.site["{age}"]']
        assert policy["max_ttl"] == policy["default_ttl"] == seconds
        assert f"max-age={seconds}" in cloudfront(site)[f'function.age["{age}"]']["code"]


def test_errors_are_not_cached(site: dict[str, Any]) -> None:
    """A headers policy also applies to errors; a function does not."""
    headers = cloudfront(site)['response_headers_policy.site["site"]']
    assert headers["custom_headers_config"] == []
    (cors,) = headers["cors_config"]
    assert cors["access_control_allow_methods"][0]["items"] == ["GET", "HEAD"]
    assert cors["access_control_allow_origins"][0]["items"] == ["*"]
    distribution = cloudfront(site)['distribution.site["site"]']
    for each in [*distribution["default_cache_behavior"], *distribution["ordered_cache_behavior"]]:
        assert [f["event_type"] for f in each["function_association"]] == ["viewer-response"]


def test_bucket_is_readable_only_by_cloudfront(site: dict[str, Any]) -> None:
    resources = site["planned_values"]["root_module"]["resources"]
    blocks = [r["values"] for r in resources if r["type"] == "aws_s3_bucket_public_access_block"]
    rules = ("block_public_acls", "block_public_policy", "restrict_public_buckets")
    assert {block[rule] for block in blocks for rule in rules} == {True}
    assert not [r for r in resources if r["type"] in {"aws_s3_bucket_acl", "aws_s3_object"}]
    for bucket, expected in {"lake": ["s3:GetObject"], "answers": None}.items():
        address = f'data.aws_iam_policy_document.bucket["{bucket}"]'
        (change,) = (c["change"] for c in site["resource_changes"] if c["address"] == address)
        statements = {each["sid"]: each for each in change["after"]["statement"]}
        assert statements["TlsOnly"]["effect"] == "Deny"
        allowed = statements.get("CloudFrontReadsTheSite")
        assert (allowed and allowed["actions"]) == expected
        if allowed:
            assert allowed["principals"][0]["identifiers"] == ["cloudfront.amazonaws.com"]
            assert allowed["condition"][0]["variable"] == "AWS:SourceArn"


def test_links_use_the_site_domain(site: dict[str, Any]) -> None:
    environment = site["planned_values"]["outputs"]["environment"]["value"]
    assert environment["SITE_URL"] == f"https://{DOMAIN['name']}/"
