"""A temporary PostgreSQL cluster on a free port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from local.processes import free_port

LOGIN, PASSWORD = "airflow", "not/a:secret@all"
DEBIAN_FOLDER = "/usr/lib/postgresql"  # with a folder for each version
WHY_NOT = "PostgreSQL's initdb and pg_ctl are missing; install Debian's package postgresql"


def programs() -> Path | None:
    """Return the folder of the newest installed PostgreSQL, if any."""
    found = sorted(Path(DEBIAN_FOLDER).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def unprivileged_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


@contextmanager
def cluster(binaries: Path) -> Iterator[URL]:
    """Run a cluster; yield the URL of its database `postgres`."""
    who = unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="headwaters-pg-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if who:
            for path in (folder, folder / "password"):
                os.chown(path, who["user"], who["group"])

        def program(name: str, *arguments: str) -> None:
            # A file, because the server would inherit a pipe and keep it open.
            with (folder / f"{name}.output").open("a+") as output:
                done = subprocess.run(
                    [str(binaries / name), *arguments],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                    **who,
                )
                output.seek(0)
                assert done.returncode == 0, output.read()

        data, port = str(folder / "data"), free_port()
        program(
            *("initdb", "--pgdata", data, "--username", LOGIN, "--pwfile", "password"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        settings = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = ("pg_ctl", "--pgdata", data, "--wait", "--silent")
        program(*control, "--log", str(folder / "log"), "--options", settings, "start")
        try:
            yield URL.create("postgresql+psycopg2", LOGIN, PASSWORD, "127.0.0.1", port, "postgres")
        finally:
            program(*control, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
