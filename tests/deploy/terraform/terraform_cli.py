"""Runs Terraform without the settings of the user's shell."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.processes import clean_environment

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "terraform"
TIMEOUT_S = 300
# The mirror and cache of providers.
FROM_SHELL = ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "HOME")
FIXED_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    "TF_REGISTRY_CLIENT_TIMEOUT": "5",
    "TF_REGISTRY_DISCOVERY_RETRY": "0",
}


@dataclass(frozen=True)
class Terraform:
    folder: Path

    def __call__(
        self, command: str, *arguments: str, timeout_s: float = TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in its own process group, which is killed after the timeout."""
        shell = {name: os.environ[name] for name in FROM_SHELL if name in os.environ}
        process = subprocess.Popen(
            ["terraform", command, "-no-color", *arguments],
            cwd=self.folder,
            env=clean_environment() | shell | FIXED_SETTINGS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + f"killed after {timeout_s} s"
        return subprocess.CompletedProcess([command], process.returncode, output)

    def set(self, **variables: Any) -> None:
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(variables))


NEEDS_TERRAFORM = pytest.mark.skipif(not shutil.which("terraform"), reason="needs terraform")


def settings(**changes: Any) -> Mapping[str, Any]:
    """Valid variables with changes."""
    trust = {
        "airflow": {"roles": ["arn:aws:iam::123456789012:role/mwaa"]},
        "reader": {"roles": ["arn:aws:iam::123456789012:role/people/analysts"]},
    }
    return {"bucket": "headwaters-lake", "region": "eu-central-1", "trust": trust} | changes
