"""Settings: what wins, and how the lake's two names give each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.airflow_home import UI, airflow_environment
from local.environment import (
    CONNECTIONS,
    LAKE,
    OFFICIAL_RECALLS_API,
    RECALLS_API,
    VIN_API,
    VIN_SETTINGS,
    connect,
    connect_lake,
    has_own_lake,
    read_dotenv,
    read_environment,
)
from local.localstack import ROOT
from local.processes import LocalError

OWN_LAKE = {
    "conn_type": "aws",
    "login": "me",
    "password": "my/secret+key",
    "extra": {
        "endpoint_url": "https://s3.example.org",
        "region_name": "eu-central-1",
        "service_config": {"s3": {"bucket_name": "my-lake"}},
    },
}
AS_URI = (
    "aws://me:my%2Fsecret%2Bkey@/?endpoint_url=https%3A%2F%2Fs3.example.org&region_name=eu-central-1"
    "&service_config=%7B%22s3%22%3A+%7B%22bucket_name%22%3A+%22my-lake%22%7D%7D"
)
AS_VARIABLES = {
    "LAKE_BUCKET": "my-lake",
    "LAKE_ENDPOINT_URL": "https://s3.example.org",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_SECRET_ACCESS_KEY": "my/secret+key",
}


def test_dotenv(tmp_path: Path):
    """Quotes, comments, export and inner quotes are read as docker compose reads them."""
    (tmp_path / ".env").write_text(
        """# a comment
PLAIN=a b  # told
export EXPORTED = x
HASH=a#b
EMPTY=
SINGLE='{"a": "$b # c"}'  # told
DOUBLE="say \\"hi\\" # c"
JSON={"a": "b"}

"""
    )
    assert read_dotenv(tmp_path / ".env") == {
        "PLAIN": "a b",
        "EXPORTED": "x",
        "HASH": "a#b",
        "EMPTY": "",
        "SINGLE": '{"a": "$b # c"}',
        "DOUBLE": 'say "hi" # c',
        "JSON": '{"a": "b"}',
    }


def test_a_bad_line_is_named_and_not_shown(tmp_path: Path):
    """A line that is not NAME=VALUE is told by its number, for it may hold a secret."""
    (tmp_path / ".env").write_text("A=1\nmy secret\n")

    with pytest.raises(LocalError, match="line 2") as told:
        read_environment(tmp_path, {})
    assert "my secret" not in str(told.value)


def test_the_real_environment_wins(tmp_path: Path):
    """A variable of the environment wins over `.env`; set to nothing it switches the line off."""
    (tmp_path / ".env").write_text(f"A=file\nB=file\n{LAKE}=x\nAIRFLOW__CORE__X=file\n")
    real = {"A": "real", LAKE: "", "AIRFLOW__CORE__X": "another's", "AIRFLOW_HOME": "/another"}

    assert read_environment(tmp_path, real) == {
        "A": "real",
        "B": "file",
        "AIRFLOW__CORE__X": "file",
    }


def test_without_settings_all_is_on_this_laptop():
    """Both connections point at the local servers, and the user's AWS account stays out of it."""
    settings = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SESSION_TOKEN": "x"}
    connected = connect(
        settings,
        bucket="headwaters",
        localstack_url="http://l",
        recalls_url="http://r",
        vin_url="http://v",
    )

    lake = json.loads(connected[LAKE])
    assert lake["extra"] == {
        "endpoint_url": "http://l",
        "region_name": "us-east-1",
        "service_config": {"s3": {"bucket_name": "headwaters"}},
    }
    assert json.loads(connected[RECALLS_API]) == {"conn_type": "http", "host": "http://r"}
    assert json.loads(connected[VIN_API]) == {"conn_type": "http", "host": "http://v"}
    assert connected["LAKE_BUCKET"] == "headwaters"
    assert connected["LAKE_ENDPOINT_URL"] == "http://l"
    assert connected["AWS_ACCESS_KEY_ID"] == connected["AWS_SECRET_ACCESS_KEY"] == "test"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & connected.keys()


def test_commands_need_only_the_lake():
    """Without a DAG there is no connection to an API, and LocalStack under both of its names."""
    connected = connect_lake({"AWS_PROFILE": "work"}, bucket="b", localstack_url="http://l")
    assert connected["LAKE_BUCKET"] == "b"
    assert LAKE in connected
    assert not {RECALLS_API, "AWS_PROFILE"} & connected.keys()


@pytest.mark.parametrize("written", [json.dumps(OWN_LAKE), AS_URI])
def test_a_connection_gives_the_variables(written: str):
    """A connection `lake`, as JSON or as a URI, is kept and gives the commands' variables."""
    connected = connect({LAKE: written})

    assert connected[LAKE] == written
    assert connected.items() >= AS_VARIABLES.items()


def test_variables_give_the_connection():
    """The commands' variables give Airflow the same lake."""
    assert json.loads(connect(AS_VARIABLES)[LAKE]) == OWN_LAKE


def test_what_is_set_is_not_derived():
    """A variable that is set beside the connection stays as it is."""
    connected = connect({LAKE: json.dumps(OWN_LAKE), "LAKE_BUCKET": "other"})
    assert connected["LAKE_BUCKET"] == "other"


@pytest.mark.parametrize("name", CONNECTIONS)
def test_an_own_api_is_kept(name: str):
    """A connection that is set is used as it is."""
    assert (
        connect({name: "http://mine"}, recalls_url="http://r", vin_url="http://v")[name]
        == "http://mine"
    )


def test_a_server_that_is_not_there_is_no_connection():
    """A connection is left out, rather than pointed at nothing, when its server was not started."""
    assert not CONNECTIONS.keys() & connect({}).keys()


def test_the_vin_service_gets_its_key():
    """The key that the VIN service of this laptop wants is in the connection to it."""
    connected = connect({"VIN_API_KEY": "k"}, vin_url="http://v")
    assert json.loads(connected[VIN_API])["password"] == "k"


@pytest.mark.parametrize("name", [*CONNECTIONS, *VIN_SETTINGS])
def test_set_to_nothing_is_not_set(tmp_path: Path, name: str):
    """An empty variable switches the line of `.env` off, for connections and the VIN service."""
    (tmp_path / ".env").write_text(f"{name}=x\n")
    assert read_environment(tmp_path, {name: ""}) == {}


def test_the_official_api_gets_the_token():
    """`make live` asks the official API, with the token of the environment if there is one."""
    connected = connect({"RECALLS_APP_TOKEN": "t"}, official=True)
    assert json.loads(connected[RECALLS_API]) == {
        "conn_type": "http",
        "host": OFFICIAL_RECALLS_API,
        "password": "t",
    }
    assert "password" not in json.loads(connect({}, official=True)[RECALLS_API])


def test_half_a_lake_is_refused():
    """An endpoint without a bucket is a mistake, not a wish for LocalStack."""
    with pytest.raises(LocalError, match="LAKE_BUCKET"):
        has_own_lake({"LAKE_ENDPOINT_URL": "http://x"})


def test_a_broken_connection_is_not_shown():
    """A connection that cannot be read is told without its content."""
    with pytest.raises(LocalError, match=LAKE) as told:
        connect({LAKE: '{"password": "hush"'})
    assert "hush" not in str(told.value)


def test_a_proxy_is_not_asked_for_this_laptop():
    """Local servers are reached past a proxy, whose own exceptions are kept."""
    connected = connect({"HTTPS_PROXY": "http://p", "no_proxy": "example.org"})
    assert connected["no_proxy"] == "example.org,127.0.0.1,localhost"
    assert connected["NO_PROXY"] == "127.0.0.1,localhost"


def test_airflow_is_the_projects_own(tmp_path: Path):
    """Whatever the settings say, home, database, DAGs and address are this checkout's."""
    settings = {"AIRFLOW_HOME": "/another", "AIRFLOW__API__HOST": "0.0.0.0", "OTHER": "kept"}  # noqa: S104 - what must not win
    environment = airflow_environment(tmp_path, UI, settings, port=8081)

    assert environment["OTHER"] == "kept"
    assert environment["AIRFLOW_HOME"] == str(tmp_path / ".local" / "airflow")
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path / "dags")
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith("/.local/airflow/ui.db")


def test_the_example_shows_each_connection(tmp_path: Path):
    """.env.example shows every connection that has a default, in a form that is read."""
    shown = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(
        "\n".join(line.removeprefix("# ") for line in shown.splitlines() if line.startswith("# A"))
    )
    lines = [line for line in (tmp_path / ".env").read_text().splitlines() if "='" in line]
    (tmp_path / ".env").write_text("\n".join(lines))

    examples = read_environment(tmp_path, {})
    assert examples.keys() == {LAKE, *CONNECTIONS}, "name it in both: .env.example, CONNECTIONS"
    assert connect(examples)["LAKE_BUCKET"] == "my-lake"
    assert json.loads(examples[RECALLS_API])["extra"]["dataset"] == "6axg-epim"
