"""Every field of every layer and table is explained; an unexplained one fails here."""

import sqlite3
from pathlib import Path

import pandas as pd
import pyogrio
import pytest
from export.test_layers import make_town
from export.test_run_tables import write_town as write_run
from town import change, write_town

from siting import study, tables
from siting.export import data_dictionary_of, fields_of
from siting.export.dictionary import UNEXPLAINED, _known, alias, explain, short_names

VARIANTS = {
    "fair": {"budget_pkr": 2000, "zones": {"kind": "grid", "size_m": 3000}, "fairness": "max_min"},
    "years": {"years": {"budgets_pkr": {2029: 1000, 2030: 1000}}},
    "scenarios": {"budget_pkr": 1000, "scenarios": {"of": {
        "few": {"probability": 0.5, "case": "low"}, "many": {"probability": 0.5, "case": "high"}}}},
    "alternatives": {"budget_pkr": 1000, "alternatives": {"count": 2, "differ_by": 2}},
}  # fmt: skip


def unexplained(folder: Path) -> list[str]:
    """Return every field of a folder's layers and tables without an explanation."""
    listed = pd.read_csv(folder / "dictionary.csv", keep_default_na=False, encoding="utf-8-sig")
    known = {
        (row.layer, row.field): row.meaning
        for row in listed.itertuples()
        if row.meaning != UNEXPLAINED
    }
    fields = []
    for path in sorted(folder.glob("*.gpkg")):
        for layer, _ in pyogrio.list_layers(path):
            if layer != "layer_styles":  # QGIS's own table
                names = pyogrio.read_info(path, layer=layer)["fields"]
                fields += [(layer, str(name)) for name in names]
    for path in sorted(folder.glob("*.geojson")):
        names = pyogrio.read_info(path)["fields"]
        fields += [(path.stem, str(name)) for name in names if name != "id"]
    for path in sorted(folder.glob("*.csv")):
        if path.stem != "dictionary":
            names = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
            fields += [(path.stem, str(name)) for name in names]
    assert len(fields) > 50
    return [f"{layer}.{field}" for layer, field in fields if not known.get((layer, field))]


def test_every_field_of_the_plain_run_is_explained(stored_town) -> None:
    assert unexplained(stored_town() / "run") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_field_of_a_run_is_explained(name: str, tmp_path: Path) -> None:
    path = write_town(tmp_path / "town")
    fleet = path.parent / "fleet.csv"
    text = fleet.read_text(encoding="utf-8")
    if name == "years":
        text += "2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n"
    if name == "scenarios":
        text = text.replace("12,12,12", "12,6,18")
    fleet.write_text(text, encoding="utf-8")
    change(path, program=VARIANTS[name])
    out = tmp_path / "run"
    study.run(path, out=out)
    assert unexplained(out) == []
    layers = dict(pyogrio.list_layers(out / "plan.gpkg"))
    drawn = {"fair": "zones", "years": "built", "scenarios": "robust",
             "alternatives": "alternative_sites"}[name]  # fmt: skip
    assert layers[drawn] in ("Point", "MultiPolygon")
    assert layers["dictionary"] is None


@pytest.mark.slow
def test_every_field_of_a_demand_run_is_explained(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    path = write_town(tmp_path / "town")
    study.demand_to_folder(
        path, out=tmp_path / "out", sensitivity=True, draws=20, now=datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert unexplained(tmp_path / "out") == []
    assert (tmp_path / "out/demand.qml").exists()
    assert (tmp_path / "out/outside.qml").exists()


def test_a_field_nobody_knows_says_so_and_would_fail_above(tmp_path: Path) -> None:
    town = make_town()  # whose cells bring a column of their own
    write_run(tmp_path / "run")
    assert "demand.sector" in unexplained(tmp_path / "run")
    assert explain("demand", "sector") == ("", UNEXPLAINED)
    assert "sector" in town.cells


def test_each_specified_column_is_explained_in_its_layer() -> None:
    for table in tables.TABLES:
        for column in table.columns:
            if table.name in ("cells", "demand", "candidates", "offers", "service"):
                layer = "demand" if table.name == "cells" else table.name
                if column.name not in ("node_id", "demand_id"):
                    assert explain(layer, column.name)[1] != UNEXPLAINED


def test_units_agree_with_the_names() -> None:
    ends = {"_kwh_day": "kWh/day", "_kw": "kW", "_min": "min", "_km": "km", "_share": "0 to 1"}
    path = Path(tables.__file__).parent / "export" / "fields.csv"
    listed = pd.read_csv(path, dtype="str", keep_default_na=False)
    assert not listed.duplicated(["layer", "field"]).any()
    assert (listed["meaning"].str.len() > 3).all()
    for row in listed.itertuples():
        for end, unit in ends.items():
            if str(row.field).endswith(end) and row.unit:
                assert row.unit == unit, row.field
    assert set(_known()) >= {"*", "sites", "demand", "roads", "outside", "zones"}


def test_words_for_fields() -> None:
    assert alias("demand_two_wheeler_kwh_day") == "Demand two wheeler, kWh/day"
    assert alias("mean_travel_min") == "Mean travel, min"
    assert alias("_") == "_"


def test_the_geopackage_keeps_to_its_schema_extension(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    with sqlite3.connect(tmp_path / "run/plan.gpkg") as database:
        rows = database.execute(
            "select title, description from gpkg_data_columns "
            "where table_name = 'sites' and column_name = 'power_kw'"
        ).fetchall()
        extensions = database.execute(
            "select table_name from gpkg_extensions where extension_name = 'gpkg_schema'"
        ).fetchall()
        defaults = database.execute(
            "select f_table_name, count(*) from layer_styles where useAsDefault group by 1"
        ).fetchall()
        broken = database.execute("pragma integrity_check").fetchone()
    database.close()
    assert rows == [("Power, kW", "rated power of the chargers [kW]")]
    assert {row[0] for row in extensions} == {"gpkg_data_columns", "gpkg_data_column_constraints"}
    assert dict(defaults) == dict.fromkeys(
        ("sites", "demand", "service", "candidates", "dropped", "roads"), 1
    )
    assert broken == ("ok",)


def test_fields_of_leaves_geometry_out() -> None:
    town = make_town()
    found = fields_of({"sites": town.sites}, {"sites": ["lon"], "extra": ["a"]})
    assert "geometry" not in found["sites"]
    assert found["sites"][-1] == "lon"
    assert found["extra"] == ["a"]
    assert len(data_dictionary_of(found)) == len(found["sites"]) + 1


def test_a_shapefile_gets_names_of_ten_letters_none_twice():
    classes = ("two_wheeler", "two_wheeler_delivery", "two_wheeler_private", "car", "bus")
    fields = [f"{what}_{one}_kwh_day" for what in ("served", "demand") for one in classes]
    fields += ["site_id", "Site_ID", "subsidy_pkr", "subsidy_share", "whereabouts", "a" * 30]
    short = short_names(fields)
    assert list(short) == fields
    assert all(0 < len(name) <= 10 for name in short.values())
    assert len({name.lower() for name in short.values()}) == len(fields)
    assert (short["site_id"], short["subsidy_pkr"]) == ("site_id", "subsidy")
    assert alias(fields[1]) == "Served two wheeler delivery, kWh/day"  # what it stands for, in full


def test_costs_over_the_life_are_not_called_costs_to_build():
    built, life = explain("sites", "cost_pkr")[1], explain("viability", "cost_pkr")[1]
    assert "to build" in built
    assert "over the station's life" in life
    for layer in ("sites", "viability"):
        assert "over the station's life" in explain(layer, "subsidy_share")[1]
