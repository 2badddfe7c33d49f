"""The open dataset: files, metadata and code examples."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pandas as pd
import pytest
from frictionless import Package, system

from include.site.files import File
from include.site.open_data import datapackage, json_ld
from local.mirror import save
from tests.pipelines.vehicle_recalls.recalls import rows_of_table
from tests.site.conftest import Site

TABLES = {
    "vehicle_recalls",
    "recalls_per_manufacturer_per_year",
    "recalls_per_component_per_year",
    "recalls_per_type_per_manufacturer",
    "vehicle_recalls_ledger",
}


@pytest.fixture(scope="module")
def lake(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bucket as a folder."""
    folder = tmp_path_factory.mktemp("lake")
    save(site.store, folder)
    return folder


def entry_of(site: Site, name: str) -> Any:
    return next(each for each in site.shard("datasets") if each["name"] == name)


def csv_of(site: Site, name: str) -> pd.DataFrame:
    (file,) = entry_of(site, name)["files"]
    body = gzip.decompress(site.body(file["path"]))
    return pd.read_csv(io.BytesIO(body), keep_default_na=False, na_values=[""])


def test_data_package_and_its_files_are_valid(lake: Path) -> None:
    system.trusted = True
    described = json.loads((lake / "site" / "datapackage.json").read_text(encoding="utf-8"))
    package = Package.from_descriptor(described, basepath=str(lake / "site"))
    report = package.validate()
    assert report.valid, report.flatten(["type", "note"])
    assert {r.name.replace("-", "_") for r in package.resources} == TABLES
    assert report.stats["tasks"] == len(TABLES)


def test_data_package_marks_made_up_data(site: Site) -> None:
    package = site.json("datapackage.json")
    assert package["title"] == "Vehicle recalls (made up)"
    assert "licenses" not in package
    assert all(each["path"].startswith("files/made-up-") for each in package["resources"])


def test_official_data_names_its_source_and_license(site: Site) -> None:
    manifest = site.manifest | {"made_up": False, "publisher": "official"}
    files = {n: msgspec.convert(entry_of(site, n)["files"][0], File) for n in TABLES}
    package, described = datapackage(manifest, files, ""), json_ld(manifest, files, "")
    assert package["title"] == "Vehicle recalls"
    assert package["licenses"][0]["path"] == described["license"]
    assert described["isBasedOn"] == "https://datahub.transportation.gov/d/6axg-epim"


def test_csv_has_every_recall_of_the_table(site: Site) -> None:
    rows, found = rows_of_table(site.store), csv_of(site, "vehicle_recalls")
    assert list(found.columns) == list(rows[0])
    assert sorted(found["nhtsa_id"]) == sorted(row["nhtsa_id"] for row in rows)
    hostile = next(row["subject"] for row in rows if row["nhtsa_id"] == "19V000001")
    assert found.set_index("nhtsa_id").loc["19V000001", "subject"] == hostile
    assert found.set_index("nhtsa_id").loc["19V000001", "do_not_drive"]


def test_aggregations_add_up_to_the_table(site: Site) -> None:
    for name in TABLES:
        if name.startswith("recalls_per"):
            assert csv_of(site, name)["recalls"].sum() == len(rows_of_table(site.store))


def test_data_page_lists_every_table(site: Site) -> None:
    shard = site.shard("datasets")
    assert {each["name"] for each in shard} == TABLES
    assert shard[0]["name"] == "vehicle_recalls"
    for each in shard:
        assert all(column["sentence"] for column in each["columns"])
        assert each["rows"] == len(csv_of(site, each["name"]))
        assert each["publisher"] == "made-up:7"
        assert each["reading"]
    table = next(f for f in shard[0]["folders"] if f["path"] == "vehicle_recalls/table/")
    assert "mix versions" in table["sentence"]


@pytest.mark.parametrize("tool", ["pandas", "DuckDB", "Polars", "deltalake"])
@pytest.mark.parametrize("name", sorted(TABLES))
def test_code_example_reads_the_table(site: Site, lake: Path, name: str, tool: str) -> None:
    """It reads a folder, because DuckDB would download an extension to read S3."""
    entry = entry_of(site, name)
    code = {block["tool"]: block["code"] for block in entry["reading"]}.get(tool)
    if code is None:
        assert (name == "vehicle_recalls_ledger") == (tool == "pandas") or tool == "deltalake"
        return
    root = site.store.url("").rstrip("/")
    assert root in code
    found: dict[str, Any] = {}
    exec(code.replace(root, str(lake)).replace("2024.parquet", "2019.parquet"), found)  # noqa: S102
    wanted = 2 if (name, tool) == ("vehicle_recalls", "pandas") else entry["rows"]
    assert len(found["rows"]) == wanted


@pytest.mark.parametrize("name", sorted(TABLES))
def test_first_code_example_reads_the_download(site: Site, lake: Path, name: str) -> None:
    """Each column has the type that the page names."""
    entry = entry_of(site, name)
    first, (file,) = entry["reading"][0], entry["files"]
    assert first["tool"] == "pandas, from the download"
    assert entry["folders"][0]["path"] == f"site/{file['path']}"
    found: dict[str, Any] = {}
    exec(first["code"].replace(file["path"], str(lake / "site" / file["path"])), found)  # noqa: S102
    rows = found["rows"]
    assert len(rows) == entry["rows"]
    kinds = {"string": "str", "int": "int", "double": "flo", "bool": "boo"}
    for column in entry["columns"]:
        dtype = str(rows[column["name"]].dtype).lower()
        kind = next((k for t, k in kinds.items() if column["type"].startswith(t)), "datetime64")
        assert dtype.startswith(kind), column["name"]


def test_only_recalls_have_checks(site: Site) -> None:
    assert [each["name"] for each in site.shard("datasets") if each["checks"]] == [
        "vehicle_recalls"
    ]


def test_csv_quotes_text_and_numbers(site: Site) -> None:
    (file,) = entry_of(site, "recalls_per_component_per_year")["files"]
    lines = gzip.decompress(site.body(file["path"])).decode().splitlines()
    assert lines[0] == '"component","year","recalls"'
    assert lines[1] == '"SERVICE BRAKES","2019","2"'


def test_reading_the_whole_folder_mixes_versions(lake: Path) -> None:
    """The data page warns about this."""
    files = str(lake / "vehicle_recalls" / "table" / "*" / "*.parquet")
    (mixed,) = duckdb.sql(f"select count(*) from read_parquet('{files}')").fetchall()
    assert mixed[0] > 3


def test_page_describes_the_dataset_for_search_engines(site: Site) -> None:
    page = site.body("index.html").decode()
    text = page.partition('type="application/ld+json">')[2].partition("</script>")[0]
    found = json.loads(text)
    assert (found["@context"], found["@type"]) == ("https://schema.org/", "Dataset")
    assert found["description"].startswith("This data is MADE UP.")
    assert not {"license", "isBasedOn"} & found.keys()
    paths = {each["contentUrl"] for each in found["distribution"]}
    assert paths == {entry_of(site, name)["files"][0]["path"] for name in TABLES}
