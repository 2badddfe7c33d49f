"""Runs `python -m local` in a temporary checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from local.processes import clean_environment
from local.s3_engine import ROOT

# A terminal on stdin becomes the controlling terminal, which receives Ctrl-C.
PROGRAM = f"""
import fcntl, os, sys, termios
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import local.__main__ as main
main.ROOT = Path.cwd()
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.exit(main.main())
"""


def start(root: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `python -m local ARGUMENTS` in a checkout, in a new session."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = clean_environment() | {"HOME": str(root)} | options.pop("env", {})
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=root,
        env=environment,
        text=True,
        start_new_session=True,
        **(given | options),
    )


def run_local(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with start(root, *arguments) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)
