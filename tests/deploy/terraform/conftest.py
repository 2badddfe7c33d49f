"""The Terraform module, initialized."""

import shutil

import pytest

from tests.deploy.terraform.terraform_cli import FOLDER, Terraform


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A copy of the folder, with its provider installed."""
    copy = tmp_path_factory.mktemp("terraform")
    generated = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars*", "__pycache__")
    shutil.copytree(FOLDER, copy, dirs_exist_ok=True, ignore=generated)
    terraform = Terraform(copy)
    if (done := terraform("init", timeout_s=60)).returncode:
        pytest.skip(f"the provider cannot be installed: {' '.join(done.stdout.split())[-300:]}")
    return terraform
