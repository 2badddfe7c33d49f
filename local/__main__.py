"""`python -m local COMMAND`: what stands behind make's targets."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from local.processes import LocalError

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the flagship once on the local APIs")
    commands.add_parser("live", help="run the flagship once on the official API")
    commands.add_parser("ui", help="start Airflow with everything connected")
    commands.add_parser("stop", help="end what a killed command left running")
    dag = commands.add_parser("dag", help="run any DAG once")
    dag.add_argument("dag_id")
    dag.add_argument("--conf", default="", help='a JSON object, such as {"years": [2019]}')
    asked = parser.parse_args()
    for ending in ENDINGS:
        signal.signal(ending, _interrupt)
    try:
        return _do(asked)
    except KeyboardInterrupt:
        print("interrupted; all that was started has ended", file=sys.stderr)
        return 130
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _do(asked: argparse.Namespace) -> int:
    match asked.command:
        case "stop":
            from local.state import stop  # all that works without the virtual environment

            stop(ROOT)
            return 0
        case "ui":
            from local.ui import run_ui

            return run_ui(ROOT)
        case "dag":
            from local.run import run_once

            return run_once(ROOT, asked.dag_id, asked.conf, "dag.log")
        case _:
            from local.run import run_flagship

            return run_flagship(ROOT, official=asked.command == "live")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Every way to be ended takes the same way out, and what is on it is not interrupted again."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    print("ending all that was started ...", file=sys.stderr)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
