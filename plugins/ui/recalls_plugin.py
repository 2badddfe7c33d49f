"""Pages in Airflow: the recalls, and the report of a run."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

# One file defines all of them, each under the name it has here.
PAGES = (
    {"name": "Recalls", "destination": "nav", "url_route": "recalls", "nav_top_level": True},
    {"name": "Recalls card", "destination": "dashboard"},
    {"name": "Result", "destination": "dag", "url_route": "result"},
    {"name": "Run report", "destination": "dag_run", "url_route": "report"},
)


async def site(scope: Any, receive: Any, send: Any) -> None:
    """The site's application, imported by the first request: schedulers and workers get none."""
    from plugins.ui.site_app import app

    await app(scope, receive, send)


class RecallsPlugin(AirflowPlugin):
    name = "headwaters_recalls"
    fastapi_apps = [{"app": site, "url_prefix": "/recalls", "name": "Recalls"}]  # noqa: RUF012
    react_apps = [  # noqa: RUF012 - Airflow reads these from the class
        {"bundle_url": "recalls/airflow.js", "icon": "recalls/icon.svg", **page} for page in PAGES
    ]
