"""Query and maintain the lake that LAKE_BUCKET, LAKE_ENDPOINT_URL and AWS_* name."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from include.data.catalog import DEFAULT

PROGRAM = "python -m include.cli"
FAILED, NOT_VERIFIED, INTERRUPTED = 1, 2, 130


class Command(NamedTuple):
    module: str  # imported only when it is asked for
    summary: str
    example: str


COMMANDS = {
    "changes": Command(
        "include.cli.changes",
        "what was published, edited and retracted, from the ledger",
        "changes --since 2026-11-01 --match manufacturer=Ford --field do_not_drive --limit 20",
    ),
    "history": Command("include.cli.history", "every change of one row", "history 24V436000"),
    "completion": Command(
        "include.cli.completion",
        "completion rates of recalls over time, and the recalls whose rate has not moved",
        "completion --stalled --days 90 --under 50 --limit 20",
    ),
    "verify": Command(
        "include.cli.verify", "check everything that the lake has against its receipts", "verify"
    ),
    "as-of": Command(
        "include.cli.as_of",
        "write the files of a dataset as they were known on a day",
        "as-of 2026-11-01 --out november",
    ),
    "replay": Command(
        "include.cli.replay",
        "transform the landed pages of a read again, and compare",
        "replay 20261121T104304-d9c96462",
    ),
    "refresh": Command(
        "include.cli.refresh",
        "bring ledger and plain files up to the table",
        "refresh --dataset shoe_prices",
    ),
    "prune": Command(
        "include.cli.prune", "delete what is too old to be asked for", "prune --dry-run"
    ),
    "create": Command("include.cli.create", "create the bucket of the lake", "create"),
    "copy": Command(
        "include.cli.copy",
        "keep a copy of the lake, all datasets, in another bucket; or restore one",
        "copy headwaters-copy --create",
    ),
}
WITHOUT_DATASET = {"completion", "copy", "create"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        """One line, not the whole usage."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str]) -> int:
    from include.cli.output import Output
    from include.errors import PermanentError
    from include.lake.connect import connect
    from include.lake.store import StoreError

    asked = _parse(arguments)
    try:
        run = import_module(COMMANDS[asked.command].module).run
        code: int = run(connect(), asked, Output(sys.stdout, sys.stderr))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (StoreError, PermanentError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        # `verify` answers 1 when something is damaged, and handles that itself.
        return NOT_VERIFIED if asked.command == "verify" else FAILED
    return code


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog=PROGRAM, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = commands.add_parser(
            name,
            help=command.summary,
            epilog=f"example: {PROGRAM} {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in arguments:
            module = import_module(command.module)
            added.description = module.__doc__
            if name not in WITHOUT_DATASET:
                added.add_argument(
                    "--dataset", default=DEFAULT, metavar="NAME", help=f"{DEFAULT} by default"
                )
            module.add_arguments(added)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # Arrow's threads may still be freeing memory, and abort an interpreter that ends meanwhile.
    os._exit(code)
