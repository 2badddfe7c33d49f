"""Queries Airflow's web application in a separate process: Airflow reads settings at import.

Input: JSON list of [role, path, connection `lake`]. Output: JSON list of [status, headers, text,
status of a second request with the ETag].
"""

import json
import os
import sys

from airflow import settings
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.base import Base
from fastapi.testclient import TestClient


def main() -> None:
    app = create_app(apps="core")
    Base.metadata.create_all(settings.engine)
    manager = get_auth_manager()
    may_read = manager.is_authorized_dag
    # The user may read this DAG only.
    manager.is_authorized_dag = lambda **asked: (  # type: ignore[method-assign]
        asked["details"].id == "vehicle_recalls" and may_read(**asked)
    )
    client = TestClient(app)
    answers = []
    for role, path, connection in json.load(sys.stdin):
        os.environ["AIRFLOW_CONN_LAKE"] = connection
        headers = {}
        if role:
            user = SimpleAuthManagerUser(username=role, role=role)
            headers["Authorization"] = f"Bearer {manager.generate_jwt(user)}"
        answer = client.get(path, headers=headers)
        known = {"If-None-Match": answer.headers.get("ETag", "none")}
        again = client.get(path, headers=headers | known)
        answers.append([answer.status_code, dict(answer.headers), answer.text, again.status_code])
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
