"""Settings of Airflow, the commands and the VIN service, and their precedence."""

import json
import re
from pathlib import Path

import pytest

from local.airflow_home import UI, airflow_environment
from local.environment import (
    BUCKET,
    LAKE,
    LIVE_BUCKET,
    LOCAL_FOLDER,
    OFFICIAL_RECALLS_API,
    RECALLS_API,
    VIN_API,
    api_connections,
    connect,
    connect_lake,
    read_dotenv,
    read_environment,
)
from local.processes import LocalError, Misuse
from local.s3_engine import ROOT

OWN_LAKE = {
    "LAKE_BUCKET": "my-lake",
    "LAKE_ENDPOINT_URL": "https://s3.example.org",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_SECRET_ACCESS_KEY": "my/secret+key",
}


def test_dotenv_is_parsed_like_docker_compose_does(tmp_path: Path):
    (tmp_path / ".env").write_text(
        """# a comment
PLAIN=a b  # comment
export EXPORTED = x
HASH=a#b
EMPTY=
SINGLE='{"a": "$b # c"}'  # comment
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


def test_invalid_dotenv_line_is_named_by_number_only(tmp_path: Path):
    (tmp_path / ".env").write_text("A=1\nmy secret\n")
    with pytest.raises(LocalError, match="line 2") as error:
        read_environment(tmp_path, {})
    assert "my secret" not in str(error.value)


def test_environment_overrides_dotenv_except_for_airflow(tmp_path: Path):
    (tmp_path / ".env").write_text("A=file\nB=file\nAIRFLOW__CORE__X=file\n")
    real = {"A": "real", "AIRFLOW__CORE__X": "another's", "AIRFLOW_HOME": "/another"}
    expected = {"A": "real", "B": "file", "AIRFLOW__CORE__X": "file"}
    assert read_environment(tmp_path, real) == expected


@pytest.mark.parametrize("name", [RECALLS_API, LAKE, "LAKE_BUCKET", "VIN_API_KEY", "VPIC_URL"])
def test_empty_variable_counts_as_unset(tmp_path: Path, name: str):
    (tmp_path / ".env").write_text(f"{name}=x\n")
    assert read_environment(tmp_path, {name: ""}) == {}


@pytest.mark.parametrize("name", [LAKE, "LAKE_ENDPOINT_URL"])
def test_lake_setting_without_bucket_is_refused(tmp_path: Path, name: str):
    with pytest.raises(Misuse, match="LAKE_BUCKET") as error:
        read_environment(tmp_path, {name: "my-secret"})
    assert "my-secret" not in str(error.value)


def test_default_settings_are_local():
    """The user's AWS account is not used."""
    settings = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SESSION_TOKEN": "x"}
    urls = {"s3_url": "http://l", "fakes_url": "http://f", "vin_url": "http://v"}
    connected = connect(settings, bucket=BUCKET, **urls)
    lake = json.loads(connected[LAKE])
    assert (lake["login"], lake["password"]) == ("test", "test")
    assert lake["extra"] == {
        "endpoint_url": "http://l",
        "region_name": "us-east-1",
        "service_config": {"s3": {"bucket_name": BUCKET}},
    }
    assert json.loads(connected[RECALLS_API]) == {"conn_type": "http", "host": "http://f"}
    assert json.loads(connected[VIN_API]) == {"conn_type": "http", "host": "http://v"}
    assert (connected["LAKE_BUCKET"], connected["LAKE_ENDPOINT_URL"]) == (BUCKET, "http://l")
    assert connected["AWS_ACCESS_KEY_ID"] == connected["AWS_SECRET_ACCESS_KEY"] == "test"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & connected.keys()


def test_mirror_folder_is_set_only_for_a_local_lake():
    assert connect_lake({}, bucket=BUCKET)[LOCAL_FOLDER] == "s3_bucket"
    assert connect_lake({}, bucket=LIVE_BUCKET)[LOCAL_FOLDER] == "s3_bucket_live"
    assert LOCAL_FOLDER not in connect_lake(OWN_LAKE | {LOCAL_FOLDER: "s3_bucket"})


def test_own_lake_settings_become_the_connection():
    connected = connect(OWN_LAKE)
    assert connected.items() >= OWN_LAKE.items()
    assert json.loads(connected[LAKE]) == {
        "conn_type": "aws",
        "login": "me",
        "password": "my/secret+key",
        "extra": {
            "endpoint_url": "https://s3.example.org",
            "region_name": "eu-central-1",
            "service_config": {"s3": {"bucket_name": "my-lake"}},
        },
    }


def test_own_connection_is_kept_and_no_server_means_no_connection():
    for name in api_connections({}, "http://f", "http://v"):
        assert connect({name: "mine"}, fakes_url="http://f", vin_url="http://v")[name] == "mine"
    assert api_connections({}, "", "") == {}


def test_keys_are_added_to_their_connections():
    connected = connect({"VIN_API_KEY": "k", "RECALLS_APP_TOKEN": "t"}, vin_url="v", official=True)
    assert json.loads(connected[VIN_API])["password"] == "k"
    official = {"conn_type": "http", "host": OFFICIAL_RECALLS_API}
    assert json.loads(connected[RECALLS_API]) == official | {"password": "t"}
    assert json.loads(connect({}, official=True)[RECALLS_API]) == official


def test_local_addresses_bypass_the_proxy():
    connected = connect({"HTTPS_PROXY": "http://p", "no_proxy": "example.org"})
    assert connected["no_proxy"] == "example.org,127.0.0.1,localhost"
    assert connected["NO_PROXY"] == "127.0.0.1,localhost"


def test_user_settings_do_not_override_the_projects_airflow(tmp_path: Path):
    settings = {"AIRFLOW_HOME": "/another", "AIRFLOW__API__HOST": "0.0.0.0", "OTHER": "kept"}  # noqa: S104 - it is overridden
    environment = airflow_environment(tmp_path, UI, settings, port=8081)
    assert environment["OTHER"] == "kept"
    assert environment["AIRFLOW_HOME"] == str(tmp_path / ".local" / "airflow")
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path / "dags")
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith("/.local/airflow/ui.db")


def test_example_recipes_are_valid_settings(tmp_path: Path):
    recipes = re.split(r"^# --- ", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)[1:]
    lines = [re.findall(r"^# ((?:export )?[A-Z_]+=.*)$", text, re.MULTILINE) for text in recipes]
    assert [len(recipe) for recipe in lines[:2]] == [5, 5]
    assert len(re.findall(r"^# \d\. ", recipes[2], re.MULTILINE)) == 5
    (tmp_path / ".env").write_text("\n".join([*lines[0], *lines[1], *lines[3]]))
    examples = read_environment(tmp_path, {})
    assert api_connections({}, "f", "v").keys() <= examples.keys()
    assert json.loads(connect(examples)[LAKE])["extra"]["region_name"] == "eu-central-1"
    assert json.loads(examples[RECALLS_API])["extra"]["dataset"] == "6axg-epim"
