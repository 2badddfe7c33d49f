"""`python -m local COMMAND`: what stands behind make's targets."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from local.audit import run_audit, write_sbom
from local.lake import use_lake
from local.processes import LocalError, Misuse, tell
from local.run import FLAGSHIP, run, run_flagship
from local.site import run_site
from local.ui import run_ui
from local.vin import run_vin

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COMMANDS = ("audit", "dag", "doctor", "lake", "live", "run", "sbom", "site", "ui", "vin")
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--dag", default="", help="dag: which")
    parser.add_argument("--conf", default="", help='dag: JSON such as {"years": [2019]}')
    parser.add_argument("--days", default="", help="run: that many days, one after the other")
    parser.add_argument("--live", action="store_true", help="doctor, lake, vin: on the real APIs")
    parser.add_argument("--arguments", default="", help="lake, audit: words quoted as in a shell")
    asked = parser.parse_args()
    for ending in ENDINGS:
        signal.signal(ending, _interrupt)
    targets: dict[str, Callable[[], int]] = {
        "audit": lambda: run_audit(ROOT, asked.arguments),
        "dag": lambda: run(ROOT, asked.dag, asked.conf, log_name="dag"),
        "doctor": lambda: _doctor(live=asked.live),
        "lake": lambda: use_lake(ROOT, asked.arguments, live=asked.live),
        "live": lambda: run(ROOT, FLAGSHIP, log_name="live", official=True),
        "run": lambda: run_flagship(ROOT, asked.days),
        "sbom": lambda: write_sbom(ROOT),
        "site": lambda: run_site(ROOT),
        "ui": lambda: run_ui(ROOT),
        "vin": lambda: run_vin(ROOT, live=asked.live),
    }
    try:
        return targets[asked.command]()
    except KeyboardInterrupt:
        tell("interrupted; all that was started has ended")
        return 130
    except LocalError as error:
        tell(f"error: {error}")
        return 2 if isinstance(error, Misuse) else 1


def _doctor(*, live: bool) -> int:
    from local.doctor import run_doctor  # the API's clients, which no other target needs

    return run_doctor(ROOT, live=live)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """However the program is ended, it cleans up; the cleanup is not interrupted again."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    tell("ending all that was started ...")
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
