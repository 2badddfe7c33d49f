"""`make vin`: the VIN service on 127.0.0.1 until Ctrl-C, on the fake APIs or the real ones."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from local.environment import connect_lake, local_bucket, read_environment
from local.processes import LocalError, end_of, stopwatch
from local.stack import FAKES, Program, Stack, python_server
from local.state import State

VIN_SERVICE = "the VIN service"
PREFERRED_PORT = 8090
LOOK_EVERY_S = 0.5
REAL_VIN = "3VV3B7AXXNM077525"
# Some of the `sample_vins` of fakes/model_recalls.py; deploy/compose/fakes.env has the same.
SAMPLE_VINS = "5SGCB2CF2KH333333 4PMCA52H58D666666 1TCFA6BG2RE111111 1LWBB34A23B555555"


def vin_service(stack: Stack, settings: Mapping[str, str], bucket: str) -> Program:
    """It finds the user's settings first, then the servers of the stack, else the real APIs.

    Each source has its own cache, so that made-up and real vehicles never meet in one.
    """
    fakes_url, s3_url = stack.urls.get(FAKES, ""), stack.s3_url
    cache = "own" if "VPIC_URL" in settings else "made-up" if fakes_url else "live"
    environment = {"VIN_DB": str(stack.root / ".local" / "vin" / f"{cache}.db")}
    if fakes_url:
        environment |= {"VPIC_URL": f"{fakes_url}/api", "RECALLS_API_URL": fakes_url}
        environment["VIN_SAMPLES"] = SAMPLE_VINS
    environment |= connect_lake(settings, bucket=bucket, s3_url=s3_url)
    return python_server(
        stack.root,
        VIN_SERVICE,
        "include.vin_service",
        "/healthz",
        environment,
        port=PREFERRED_PORT,
        knows=f"{fakes_url} {s3_url} {bucket} {settings.get('VPIC_URL', '')}",
    )


def run_vin(root: Path, *, live: bool) -> NoReturn:
    say = stopwatch()
    settings = read_environment(root)
    bucket = local_bucket(settings, live=live)
    fakes = not live and "VPIC_URL" not in settings
    with Stack(root, say).used(bucket=bucket, fakes=fakes) as stack:
        program = vin_service(stack, settings, bucket)
        stack.use(program)
        url = stack.urls[VIN_SERVICE]
        server = State.read(root).servers[VIN_SERVICE]
        say(f"{VIN_SERVICE} is ready on {url}; Ctrl-C ends it; its log is {program.log}")
        calls = calls_to_try(url, made_up=fakes, key="VIN_API_KEY" in settings)
        print("", *calls, "", sep="\n", flush=True)
        while server.alive():
            time.sleep(LOOK_EVERY_S)
        raise LocalError(f"{VIN_SERVICE} has ended; {end_of(program.log)}")


def calls_to_try(url: str, *, made_up: bool, key: bool) -> list[str]:
    """Calls that have something to show; a key is named in them, and not shown."""
    vin = SAMPLE_VINS.split(maxsplit=1)[0] if made_up else REAL_VIN
    curl = """  curl -H "X-API-Key: $VIN_API_KEY" """ if key else "  curl "
    return [
        f"{curl}{url}/lookup/{vin}",
        f"{curl}{url}/recalls/{vin}",
        f"{curl}-o vehicles.parquet {url}/export",
        *([] if key else [f"  or in a browser: {url}/?vins={vin}"]),
    ]
