"""`make lake`: a shell in which the lake's commands find their lake, or one of the commands."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.environment import connect_lake, has_own_lake, read_environment
from local.processes import LocalError, Misuse, tell
from local.run import BUCKET, LIVE_BUCKET, OWN_LAKE, stopwatch
from local.shells import own_shell
from local.stack import Stack

COMMANDS = ("-m", "include.vehicle_recalls")
PATIENCE_S = 5
# What make says to its own children; a make that is called in the shell is none of them.
OF_MAKE = re.compile(r"ARGS|LIVE|MFLAGS|MAKE(FLAGS|LEVEL|OVERRIDES|_TERM.*)")


def use_lake(root: Path, arguments: str, *, live: bool) -> int:
    """Run one command and pass its exit code on, or open the user's shell until it ends.

    Standard output is the command's alone; whatever this says goes to standard error.
    """
    command = split(arguments)
    if not command and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Misuse("there is no terminal for a shell; name a command: make lake ARGS='changes'")
    settings = read_environment(root)
    own_lake = has_own_lake(settings)
    bucket = "" if own_lake else LIVE_BUCKET if live else BUCKET
    say = stopwatch(sys.stderr)
    if own_lake:
        say(OWN_LAKE)
    with Stack(root, say).used(bucket=bucket) as addresses:
        connected = connect_lake(settings, bucket=bucket, localstack_url=addresses.localstack_url)
        environment = shell_environment(root, connected)
        if not own_lake:
            # The tools of AWS would ask AWS itself, with the same names of buckets.
            environment["AWS_ENDPOINT_URL"] = addresses.localstack_url
        if command:
            return _ended([sys.executable, *COMMANDS, *command], environment, signal.SIGTERM)
        last_week = datetime.now(UTC).date() - timedelta(days=7)
        tell(
            f"\nThe lake is s3://{connected.get('LAKE_BUCKET')}. Ask it, for example:\n"
            f"  python -m include.vehicle_recalls changes --since {last_week}\n"
            "--help lists all commands; `exit` ends this shell and what was started for it.\n",
            sys.stderr,
        )
        shell = own_shell(environment, root / ".venv" / "bin", root / ".local" / "shell")
        with _left_to_the_shell(signal.SIGINT):
            _ended(shell.command, shell.environment, signal.SIGHUP)
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


def _ended(command: list[str], environment: Mapping[str, str], ending: signal.Signals) -> int:
    """Run a program in this terminal; its exit code is as a shell has it. Nothing outlives us."""
    try:
        child = subprocess.Popen(command, env=dict(environment))
    except OSError as error:
        raise LocalError(f"could not start {command[0]} ({error.strerror}); set SHELL") from None
    try:
        code = child.wait()
    except BaseException:
        child.send_signal(ending)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
    return code if code >= 0 else 128 - code


@contextmanager
def _left_to_the_shell(number: signal.Signals) -> Iterator[None]:
    """A signal that this program hears too means the shell's command, not LocalStack.

    It is handled and not ignored: what is ignored stays so in the shell and in all that it runs.
    """
    before = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, before)
