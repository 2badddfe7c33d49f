"""Query and maintain the lake that LAKE_BUCKET, LAKE_ENDPOINT_URL and AWS_* name."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from include.data.catalog import DEFAULT
from include.errors import PermanentError
from include.lake.connect import connect
from include.lake.store import StoreError

# Each is a module of this package, whose docstring is its help.
OF_A_DATASET = ("changes", "history", "verify", "as-of", "replay", "refresh", "prune")
OTHERS = ("completion", "create", "copy")
FAILED, NOT_VERIFIED, INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        """One line, not the whole usage."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str]) -> int:
    asked = _parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal has every character
    try:
        code: int = asked.run(connect(), asked)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        return 0
    except (StoreError, PermanentError, OSError) as error:
        # `verify` answers 1 when something is damaged, and handles that itself.
        is_verify = asked.command == "verify"
        what = "nothing was verified" if is_verify else "error"
        print(f"{what}: {' '.join(str(error).split())}", file=sys.stderr)
        return NOT_VERIFIED if is_verify else FAILED
    return code


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m include.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    names = (*OF_A_DATASET, *OTHERS)
    for name in [name for name in names if name in arguments] or names:
        module: Any = import_module(f"include.cli.{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=module.__doc__.splitlines()[0],
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=module.run)
        if name in OF_A_DATASET:
            command.add_argument(
                "--dataset", default=DEFAULT, metavar="NAME", help=f"{DEFAULT} by default"
            )
        if hasattr(module, "add_arguments"):
            module.add_arguments(command)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # Arrow's threads may still be freeing memory, and abort an interpreter that ends meanwhile.
    os._exit(code)
