"""`make doctor`: whether your settings reach all that the pipelines need, one line per check.

Connections are opened by the hooks of the DAGs, so what is ok here is ok there.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from include.http.client import HttpClient
from include.http.masking import Mask
from local.airflow_home import RUNS, airflow_environment
from local.doctor_checks import Found, checked, lake_checks, same_clock, tested
from local.environment import LOCAL_KEY, RECALLS_API, read_environment
from local.processes import stopwatch
from local.run import FLAGSHIP, connected
from local.vin import REAL_VIN

QUICKLY: dict[str, Any] = {"attempts": 2, "total_s": 20}
SECRET = ("password", "api_key", "aws_secret_access_key", "aws_session_token")
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RECALLS_APP_TOKEN")


def run_doctor(root: Path, *, live: bool) -> int:
    """Check the settings of `make run` and its like, or of `make live`; 1 when a check failed."""
    failed, yours = False, read_environment(root).keys()
    with connected(
        root, RUNS, stopwatch(), dag_id=FLAGSHIP if live else "", official=live
    ) as laptop:
        os.environ.clear()  # Airflow, which the hooks import, reads it
        os.environ.update(airflow_environment(root, RUNS, laptop.settings))
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
        mask = Mask(secrets_of(laptop.settings))
        for found in examine(laptop.settings, yours, official=live):
            failed |= found.state == "FAIL"
            print(f"{found.state:<8} {found.what}: {mask(found.said)}", flush=True)
    print("\nsomething needs a look" if failed else "\nnothing needs a look", flush=True)
    return int(failed)


def examine(
    settings: Mapping[str, str], yours: Collection[str], *, official: bool = False
) -> Iterator[Found]:
    """Every check, in an environment that has these settings."""
    hooks = api_hooks()
    yield _settings_line(hooks, yours, official=official)
    yield _contact(settings, real=official or any(name in yours for name in hooks))
    yield from lake_checks()
    for name, hook in hooks.items():
        if name not in settings:
            yield Found("skipped", _short(name), "not set, and `make live` does not need it")
            continue
        found = tested(_short(name), hook)
        yield found
        if name == RECALLS_API and found.state == "ok":
            yield checked("app token", partial(_app_token, hook()))
            yield checked("clock of recalls_api", partial(_clock_of_recalls, hook()))
    if url := settings.get("VPIC_URL"):
        yield checked("vPIC", partial(_vpic, url))


def api_hooks() -> dict[str, Any]:
    """The hook class of each connection but the lake's, by the variable that sets it."""
    from plugins.hooks.books_db_hook import BooksDbHook
    from plugins.hooks.ecb_hook import EcbHook
    from plugins.hooks.krakenflex_hook import KrakenFlexHook
    from plugins.hooks.open_library_hook import OpenLibraryHook
    from plugins.hooks.recalls_hook import RecallsHook
    from plugins.hooks.shop_hook import ShopHook
    from plugins.hooks.vin_hook import VinHook

    hooks = (RecallsHook, VinHook, KrakenFlexHook, ShopHook, EcbHook, OpenLibraryHook, BooksDbHook)
    return {f"AIRFLOW_CONN_{hook.default_conn_name.upper()}": hook for hook in hooks}


def secrets_of(settings: Mapping[str, str]) -> set[str]:
    """Every text of the settings that no line may show."""
    found = {settings[name] for name in SECRET_VARIABLES if name in settings}
    for name, text in settings.items():
        if name.startswith("AIRFLOW_CONN_"):
            try:
                connection = json.loads(text)
                parts = {**connection, **(connection.get("extra") or {})}
                found |= {str(parts[key]) for key in SECRET if parts.get(key)}
            except (ValueError, TypeError, AttributeError):
                found.add(text)
    return found - {LOCAL_KEY}


def _settings_line(hooks: Collection[str], yours: Collection[str], *, official: bool) -> Found:
    lake = "yours" if "LAKE_BUCKET" in yours else "on this laptop"
    named = [_short(name) for name in hooks if name in yours]
    rest = [_short(name) for name in hooks if name not in yours]
    own = f"you set {', '.join(named) or 'no connection'}"
    if official:
        other = "" if RECALLS_API in yours else "; recalls_api is the official one"
    else:
        other = f"; stand-ins for {', '.join(rest)}" if rest else ""
    return Found("ok", "settings", f"the lake is {lake}; {own}{other}")


def _contact(settings: Mapping[str, str], *, real: bool) -> Found:
    what = "HEADWATERS_CONTACT"
    if settings.get(what):
        return Found("ok", what, "publishers get it with each request")
    if not real:
        return Found("skipped", what, "not set, and the stand-ins need none")
    return Found("FAIL", what, "not set; add an email address or a page of yours to .env")


def _app_token(hook: Any) -> str:
    return "accepted" if hook.access().password else "none, so the API's limits are lower"


def _vpic(url: str) -> str:
    from include.vin_service.vpic import decode

    verdicts, _ = decode(HttpClient(url, **QUICKLY), [REAL_VIN])
    return f"decodes {', '.join(verdicts)}"


def _clock_of_recalls(hook: Any) -> str:
    state = hook.open_client(hook.access(), **QUICKLY).year_counts().state
    return same_clock(datetime.fromisoformat(state.answered_at))


def _short(name: str) -> str:
    return name.removeprefix("AIRFLOW_CONN_").lower()
