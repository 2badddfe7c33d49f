"""`make site`: the site of the laptop's lake on 127.0.0.1 until Ctrl-C."""

import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from include.lake.keys import content_type
from include.site.files import PAGE
from local.environment import FOLDERS, local_bucket, read_environment
from local.processes import Misuse, free_port, stopwatch

HOST, PREFERRED_PORT = "127.0.0.1", 8095
HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class SiteFiles(StaticFiles):
    def file_response(self, full_path: str, *args: object, **options: object) -> Response:  # type: ignore[override]
        response = super().file_response(full_path, *args, **options)  # type: ignore[arg-type]
        path = Path(full_path).relative_to(str(self.directory)).as_posix()
        if "content-type" in response.headers:
            response.headers["Content-Type"] = content_type(path)
        # A name with a hash never has other content.
        lasts = path.startswith(("assets/", "shards/", "files/"))
        lasting = "public, max-age=31536000, immutable"
        response.headers["Cache-Control"] = lasting if lasts else "no-cache"
        response.headers.update(HEADERS)
        return response


def create_app(folder: Path) -> Starlette:
    return Starlette(
        routes=[Mount("/", SiteFiles(directory=folder, html=True))],
        middleware=[
            # No page of another name can read it, whatever that name leads to.
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
            Middleware(GZipMiddleware),
        ],
    )


def run_site(root: Path) -> int:
    folder = site_folder(root)
    # From now on a browser waits and is not refused.
    with socket.create_server((HOST, free_port(PREFERRED_PORT))) as listener:
        say = stopwatch()
        port = listener.getsockname()[1]
        say(f"the site is ready on http://{HOST}:{port}/; Ctrl-C ends it")
        config = uvicorn.Config(create_app(folder), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def site_folder(root: Path) -> Path:
    bucket = local_bucket(read_environment(root), live=False)
    if not bucket:
        raise Misuse(
            "the lake is the one that you set: its site is the folder site/ of that bucket; serve "
            "that, or remove LAKE_BUCKET to see the laptop's own"
        )
    folder = root / FOLDERS[bucket] / "site"
    if not (folder / PAGE).is_file():
        raise Misuse(f"there is no site yet in {folder.relative_to(root)}/: `make run` first")
    return folder
