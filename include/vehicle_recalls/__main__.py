"""Ask and keep the lake of recalls; it is named by LAKE_BUCKET, LAKE_ENDPOINT_URL and AWS_*."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from include.first.lake import Lake

PROGRAM = "python -m include.vehicle_recalls"


class Command(NamedTuple):
    module: str  # of this folder, imported only when it is asked for
    what: str
    example: str


COMMANDS = {
    "changes": Command(
        "commands.changes",
        "what the source published, edited and retracted, from the ledger",
        "changes --since 2026-11-01 --manufacturer Ford --field do_not_drive completion_rate",
    ),
    "history": Command("commands.history", "one recall's life", "history 24V436000"),
    "completion": Command(
        "commands.completion",
        "completion rates over time, and the recalls where they stand still",
        "completion --stalled --days 90 --under 50 --format csv > stalled.csv",
    ),
    "verify": Command(
        "commands.verify", "hold all that the lake has against its own receipts", "verify"
    ),
    "as-of": Command(
        "commands.as_of",
        "write the year files as they were known on a day",
        "as-of 2026-11-01 --out recalls-of-november",
    ),
    "project": Command(
        "project", "bring ledger, year files, aggregations and reports up to the table", "project"
    ),
    "prune": Command(
        "commands.prune", "free the space of what is too old to be asked for", "prune --dry-run"
    ),
    "copy": Command(
        "commands.copy_lake",
        "keep a copy of the lake, of all pipelines, in another bucket; or restore one",
        "copy headwaters-copy",
    ),
}


def main(arguments: Sequence[str]) -> int:
    try:
        return _answer(*_parse(arguments))
    except KeyboardInterrupt:
        return 130


def _answer(asked: argparse.Namespace, module: ModuleType) -> int:
    from include.errors import PermanentError  # not before the arguments, so that --help is quick
    from include.first.lake import LakeError
    from include.vehicle_recalls.commands.formats import Output

    try:
        code: int = module.command(_lake(), asked, Output(sys.stdout, sys.stderr))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (LakeError, PermanentError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return code


def _lake() -> Lake:
    from botocore.exceptions import BotoCoreError

    from include.errors import PermanentError
    from include.first.lake import Lake

    try:
        return Lake.from_environment()
    except (BotoCoreError, ValueError) as error:
        raise PermanentError(
            f"{error}; look at LAKE_ENDPOINT_URL and AWS_* of the environment"
        ) from None


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, ModuleType]:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = commands.add_parser(
            name,
            help=command.what,
            epilog=f"example: {PROGRAM} {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in arguments:
            module = _module(name)
            added.description = module.__doc__
            module.add_arguments(added)
    asked = parser.parse_args(arguments)
    return asked, _module(asked.command)


def _module(name: str) -> ModuleType:
    return import_module(f"include.vehicle_recalls.{COMMANDS[name].module}")


class _WithoutPandas:
    """pyarrow would import pandas with its first array, which takes as long as most answers."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("no command needs pandas", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, _WithoutPandas)
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError):  # which has been told, or nobody reads it
        sys.stdout.flush()
    # Arrow's threads may still be letting go of what they read, and take an interpreter that
    # ends meanwhile down with SIGABRT: one in forty did.
    os._exit(code)
