"""`make lake`: one of the lake's commands, or a shell in which they find the lake."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.environment import connect_lake, local_bucket, read_environment
from local.processes import LocalError, Misuse, stopwatch, tell
from local.stack import Stack

COMMANDS = "include.cli"  # the module behind `make lake ARGS=...`
CHANGES = "changes --limit 20"  # the command that people are sent to
# What make says to its own children; a make that is called in the shell is none of them.
OF_MAKE = re.compile(r"ARGS|LIVE|MFLAGS|MAKE(FLAGS|LEVEL|OVERRIDES|_TERM.*)")


def use_lake(root: Path, arguments: str, *, live: bool) -> int:
    """Run one command and return its exit code, or open the user's shell until it ends.

    Standard output is the command's alone.
    """
    command = split(arguments)
    if not command and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Misuse("there is no terminal for a shell; name a command: make lake ARGS='changes'")
    settings = read_environment(root)
    bucket = local_bucket(settings, live=live)
    with Stack(root, stopwatch()).used(bucket=bucket) as stack:
        connected = connect_lake(settings, bucket=bucket, s3_url=stack.s3_url)
        environment = shell_environment(root, connected)
        if command:
            return _run([sys.executable, "-m", COMMANDS, *command], environment)
        tell(
            f"\nThe lake is s3://{connected['LAKE_BUCKET']}. Ask it, for example:\n"
            f"  .venv/bin/python -m {COMMANDS} {CHANGES}\n"
            "--help lists all commands; `exit` ends this shell and what was started for it.\n"
        )
        # Ctrl-C is for the command in the shell. It is handled and not ignored: an ignored signal
        # stays ignored in the shell and in all that it runs.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            _run([environment.get("SHELL") or "/bin/sh"], environment)
        finally:
            signal.signal(signal.SIGINT, before)
    return 0  # how the last command of a shell went is no failure of this one


def split(arguments: str) -> list[str]:
    """The words of a command, quoted as in a shell; nothing in them is expanded or obeyed."""
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise Misuse(f"ARGS cannot be split into words ({error}): {arguments}") from None


def shell_environment(root: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings, with this project's Python and modules first."""
    kept = {name: value for name, value in settings.items() if not OF_MAKE.fullmatch(name)}
    path = os.pathsep.join(filter(None, [str(root / ".venv" / "bin"), kept.get("PATH")]))
    return kept | {"PATH": path, "PYTHONPATH": str(root)}


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a program in this terminal; its exit code is that of a shell. It ends with us."""
    try:
        code = subprocess.call(command, env=dict(environment))
    except OSError as error:
        raise LocalError(f"could not start {command[0]} ({error.strerror}); set SHELL") from None
    return code if code >= 0 else 128 - code
