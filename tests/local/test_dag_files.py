"""DAG ids, connections and params are read from the files; wrong CONF is refused."""

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from local.dag_files import checked_conf, declared_dags
from local.environment import RECALLS_API, VIN_API, api_connections
from local.processes import LocalError, Misuse
from local.s3_engine import ROOT


def test_declared_dags_and_params_match_airflow():
    loaded = DagBag(str(ROOT / "dags")).dags
    declared = declared_dags(ROOT)
    assert declared.keys() == loaded.keys()
    assert {name: set(dag.params or ()) for name, dag in declared.items()} == {
        name: set(dag.params) for name, dag in loaded.items()
    }


def test_dag_connections_are_those_of_its_imported_hooks():
    declared = declared_dags(ROOT)
    assert declared["vehicle_recalls"].connections == {RECALLS_API}
    assert declared["vin_snapshots"].connections == {VIN_API}
    every = set().union(*(dag.connections for dag in declared.values()))
    assert every == api_connections({}, "f", "v").keys()


@pytest.mark.parametrize("dag_id", ["nope", "", "../x"])
def test_unknown_dag_error_lists_the_dags(dag_id: str):
    with pytest.raises(Misuse, match=r"the DAGs are shoe_prices, .*vehicle_recalls, .*vin_snap"):
        checked_conf(ROOT, dag_id, "")


@pytest.mark.parametrize("conf", ['{"years":', "[2019]", "2019", "years"])
def test_conf_that_is_not_a_json_object_is_shown_in_one_line(conf: str):
    with pytest.raises(Misuse) as error:
        checked_conf(ROOT, "vehicle_recalls", conf)
    assert str(error.value).endswith(conf)
    assert "\n" not in str(error.value)


def test_conf_with_an_unknown_key_names_the_known_keys():
    assert checked_conf(ROOT, "vehicle_recalls", '{"years": [2019]}') == '{"years": [2019]}'
    assert checked_conf(ROOT, "vehicle_recalls", "") == "{}"
    with pytest.raises(Misuse, match=r"CONF has yers, which vehicle_recalls .* it takes .*years"):
        checked_conf(ROOT, "vehicle_recalls", '{"yers": [2019]}')


@pytest.mark.parametrize("years", ["[2019, 2021]", '"2019, 2021-2023"', "null"])
def test_years_may_be_a_list_text_or_null(years: str):
    conf = f'{{"years": {years}}}'
    assert checked_conf(ROOT, "vehicle_recalls", conf) == conf


@pytest.mark.parametrize("years", ['"20x9"', "[1965]", "[20190]", "2019", '{"2019": 1}'])
def test_wrong_years_are_refused_in_one_line(years: str):
    with pytest.raises(Misuse, match=r"^CONF: years: .* is not a report year; write .* 2021-2023$"):
        checked_conf(ROOT, "vehicle_recalls", f'{{"years": {years}}}')


def test_computed_params_are_left_to_airflow(tmp_path: Path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").write_text(
        "PARAMS = {'x': 1} | made()\n@dag(params=PARAMS)\ndef a(): ...\n@dag()\ndef b(): ...\n"
    )
    assert checked_conf(tmp_path, "a", '{"y": 1}') == '{"y": 1}'
    with pytest.raises(Misuse, match="it takes nothing"):
        checked_conf(tmp_path, "b", '{"y": 1}')


def test_syntax_error_in_dag_file_names_its_line(tmp_path: Path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").write_text("x = 1\ndef a(:\n")
    with pytest.raises(LocalError, match=r"dags/a.py, line 2: "):
        declared_dags(tmp_path)
