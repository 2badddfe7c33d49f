"""The worked example of CONTRIBUTING.md, typed in: it fits the code, and its own tests pass."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NEW = re.compile(
    r"^<details><summary><code>(\S+)</code>[^\n]*\n\n(```+)\w+\n(.*?)^\2$", re.MULTILINE | re.DOTALL
)
EDITED = re.compile(r"^`(\S+)`:\n```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MADE = (".git", ".venv*", ".env", ".local", ".hypothesis", ".*_cache", "__pycache__", "s3_bucket*")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody did what the text says."""
    root = tmp_path_factory.mktemp("checkout") / "hw"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*MADE))
    (root / ".venv-localstack").symlink_to(ROOT / ".venv-localstack")
    for path, _, text in NEW.findall(GUIDE):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for path, hunks in EDITED.findall(GUIDE):
        edited = (root / path).read_text(encoding="utf-8")
        for hunk in hunks.split("@@\n"):
            edited = applied(path, edited, hunk.splitlines(keepends=True))
        (root / path).write_text(edited, encoding="utf-8")
    return root


def applied(path: str, text: str, hunk: list[str]) -> str:
    before = "".join(line[1:] or "\n" for line in hunk if line[0] != "+")
    after = "".join(line[1:] or "\n" for line in hunk if line[0] != "-")
    if after in text:
        return text  # somebody who follows it has done that already
    assert text.count(before) == 1, (
        f"{path} does not have exactly once what follows; who moved it corrects the diff in "
        f"CONTRIBUTING.md:\n{before}"
    )
    return text.replace(before, after)


def test_the_example_works(checkout: Path) -> None:
    """Its tests pass in that copy, and each API has its pool."""
    assert len(NEW.findall(GUIDE)) > 10
    own = [path for path, _, _ in NEW.findall(GUIDE) if "/test_" in path]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/config/test_pools.py", *own],
        cwd=checkout,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_example_is_clean(checkout: Path) -> None:
    """The linter and the formatter find nothing to say."""
    files = [path for path, _, _ in NEW.findall(GUIDE) if path.endswith(".py")]
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, *files],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:]
