"""Schema, reference page, resolved YAML and input files: all made from the sections."""

import pickle
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.config import Config, input_files, load, schema, to_yaml
from siting.config.yaml_text import read

# The reference is written by a script, which a user's package does not carry.
reference = runpy.run_path(str(ROOT / "scripts" / "config_pages.py"))["reference"]

MINIMAL: dict[str, Any] = {
    "name": "town",
    "roads": {"source": {"kind": "place", "query": "Town, Pakistan"}},
    "demand": {"people": {"kind": "streets", "total": 1e4, "basis": "a guess"}, "city": "town"},
    "candidates": {"sources": [{"kind": "streets"}]},
    "program": {"budget_pkr": 1e6},
}


# ---------------------------------------------------------------- any configuration at all


def numbers(low: float, high: float, **options: Any) -> st.SearchStrategy[float]:
    whole = st.integers(int(low) + 1, int(high)) if high >= low + 1 else st.nothing()
    return st.floats(low, high, **options) | whole


texts = st.text(min_size=1, max_size=12).filter(str.strip) | st.sampled_from(["no", "1e9", "12"])
free = st.text(max_size=12)
words = st.from_regex(r"\A[a-z0-9][a-z0-9_]{0,6}\Z")
shares = numbers(0, 1)
tags = st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=3)


def file(*endings: str) -> st.SearchStrategy[str]:
    return st.builds(
        "{}{}".format, st.sampled_from(["a", "../b", "c/d e"]), st.sampled_from(endings)
    )


def section(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(required, optional=optional)


def kind(name: str, required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    return section({"kind": st.just(name), **required}, optional)


SAID = {"licence": free, "attribution": free}
CLASSES = ["two_wheeler", "car", "boat"]
layer = file(".geojson", ".gpkg", ".csv", ".parquet")
csv = st.none() | file(".csv")

CONFIGS = section(
    {
        "name": st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,9}\Z"),
        "roads": section(
            {
                "source": kind("place", {"query": texts}, SAID)
                | kind("polygon", {"path": file(".shp", ".json")}, SAID)
                | kind(
                    "file", {"path": file(".osm", ".graphml.gz")}, {"clip": file(".fgb"), **SAID}
                )
                | kind(
                    "bbox",
                    {
                        "west_deg": numbers(60, 69, exclude_max=True).filter(lambda v: v < 69),
                        "south_deg": numbers(23, 30).filter(lambda v: v < 30),
                        "east_deg": numbers(69, 78),
                        "north_deg": numbers(30, 38),
                    },
                    SAID,
                )
            },
            {
                "speeds": st.sampled_from([None, "karachi_lahore", "other"]),
                "speeds_csv": csv,
                "peak": st.booleans(),
            },
        ),
        "demand": section(
            {
                "people": kind("points", {"path": layer}, {"column": texts, "source": free})
                | kind("streets", {"total": numbers(1, 1e9), "basis": texts}, {}),
                "city": texts,
                "vehicle_classes": st.just(CLASSES),
            },
            {
                "cells": section({}, {"size_m": numbers(1, 20_000), "shape": st.just("square")})
                | section({"shape": st.just("h3")}, {"resolution": st.integers(5, 12)}),
                "city_people": st.none() | numbers(1, 1e9),
                "fleet_share": st.dictionaries(st.sampled_from(CLASSES), shares),
                "figures": st.dictionaries(
                    st.sampled_from(CLASSES), section({}, {"public_share": st.none() | shares})
                ),
                "fleet_csv": csv,
            },
        ),
        "candidates": section(
            {
                "sources": st.lists(
                    kind("osm_file", {"path": file(".osm.pbf"), "tags": tags}, SAID)
                    | kind("osm_download", {"tags": tags}, SAID)
                    | kind("layer", {"path": layer}, {"tags": st.none() | tags, "site_kind": texts})
                    | kind("parcels", {"path": file(".gpkg")}, {"min_area_m2": numbers(0, 1e6)})
                    | kind("streets", {}, {"spacing_m": numbers(50, 20_000)}),
                    min_size=1,
                    max_size=3,
                )
            },
            {
                "existing": st.none() | section({"path": layer}, {"source": free}),
                "exclude": st.lists(section({"path": file(".gpkg")}, {"source": free}), max_size=2),
            },
        ),
        "program": section({"budget_pkr": numbers(0, 1e14)}, {"model": st.just("coverage")}),
    },
    {
        "title": texts,
        "note": free,
        "year": st.integers(2020, 2060),
        "offers": section(
            {},
            {
                "configurations": st.dictionaries(
                    words.filter(lambda w: w != "existing"),
                    st.dictionaries(words, st.integers(1, 1000), min_size=1, max_size=2),
                    min_size=1,
                    max_size=3,
                ),
                "subsidy": section({}, {"cap_per_station_pkr": st.none() | numbers(0, 1e9)}),
            },
        ),
        "solver": section({}, {"gap": st.floats(0, 1, exclude_max=True)})
        | section(
            {"method": st.just("milp"), "name": texts},
            {"gap": st.floats(0, 1, exclude_max=True)},
        ),
        "output": section({}, {"runs_dir": st.sampled_from(["x", "../y", "/z/no: w"])}),
    },
)


@pytest.mark.slow
@settings(deadline=None)
@given(raw=CONFIGS)
def test_what_is_written_loads_as_the_same(
    raw: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    config = Config.model_validate(raw, context={"folder": folder / "here"})
    text = to_yaml(config)
    elsewhere = folder / "there" / "config.yaml"
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_text(text, encoding="utf-8")
    again = load(elsewhere, check_files=False)
    assert again == config
    assert to_yaml(again) == text
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.slow
@settings(deadline=None)
@given(raw=CONFIGS)
def test_whatever_loads_fits_the_schema(raw: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    resolved = read(to_yaml(Config.model_validate(raw))).value
    checker = jsonschema.Draft202012Validator(schema())
    assert list(checker.iter_errors(raw)) == []
    assert list(checker.iter_errors(resolved)) == []


# ---------------------------------------------------------------- YAML


def test_written_yaml_is_plain_and_complete() -> None:
    config = Config.model_validate(
        {
            **MINIMAL,
            "note": "no",
            "year": 2031,
            "solver": {"gap": 1e-7, "method": "milp", "name": "1e9"},
        },
        context={"folder": Path("/studies")},
    )
    text = to_yaml(config)
    assert "\n  budget_pkr: 1000000\n" in text
    assert "\nnote: 'no'\n" in text
    assert "\n  name: '1e9'\n" in text
    assert "\n  runs_dir: /studies/runs\n" in text
    assert "\n    attribution: © OpenStreetMap contributors\n" in text
    assert re.findall(r"^(\w+):", text, re.M) == list(Config.model_fields)
    assert "!!" not in text
    assert "&" not in text
    written = read(text).value
    assert set(written["demand"]) == set(type(config.demand).model_fields)
    # what selects a section stands first in it
    assert next(iter(written["roads"]["source"])) == "kind"


# ---------------------------------------------------------------- input files


def test_input_files_are_every_file_a_run_reads() -> None:
    raw = {
        **MINIMAL,
        "roads": {
            "source": {"kind": "file", "path": "r.osm", "clip": "c.gpkg"},
            "speeds_csv": "s.csv",
        },
        "demand": {
            "people": {"kind": "points", "path": "p.csv"},
            "city": "town",
            "fleet_csv": "f.csv",
            "vehicles_csv": "v.csv",
        },
        "candidates": {
            "sources": [
                {"kind": "streets"},
                {"kind": "layer", "path": "l.geojson"},
                {"kind": "osm_file", "path": "o.osm.pbf", "tags": {"a": ["b"]}},
            ],
            "existing": {"path": "e.geojson"},
        },
        "offers": {"chargers_csv": "ch.csv", "grid_csv": "g.csv"},
    }
    config = Config.model_validate(raw, context={"folder": Path("/in")})
    assert input_files(config) == {
        "roads.source.path": Path("/in/r.osm"),
        "roads.source.clip": Path("/in/c.gpkg"),
        "roads.speeds_csv": Path("/in/s.csv"),
        "demand.people.path": Path("/in/p.csv"),
        "demand.fleet_csv": Path("/in/f.csv"),
        "demand.vehicles_csv": Path("/in/v.csv"),
        "candidates.sources.1.path": Path("/in/l.geojson"),
        "candidates.sources.2.path": Path("/in/o.osm.pbf"),
        "candidates.existing.path": Path("/in/e.geojson"),
        "offers.chargers_csv": Path("/in/ch.csv"),
        "offers.grid_csv": Path("/in/g.csv"),
    }
    assert input_files(Config.model_validate(MINIMAL)) == {}


# ---------------------------------------------------------------- schema and reference


def sections() -> Iterator[type[pydantic.BaseModel]]:
    from siting.config import demand, offers, program, sections, sources
    from siting.config.fields import Section

    for module in (sections, sources, demand, offers, program):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Section) and value is not Section:
                yield value


def test_the_schema_is_a_json_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_key_has_a_meaning_and_every_measure_a_unit() -> None:
    seen = 0
    units = {
        "_m": "m",
        "_min": "min",
        "_s": "s",
        "_pkr_kw": "PKR/kW",
        "_kw": "kW",
        "_kmh": "km/h",
        "_deg": "degrees",
        "_month_pkr": "PKR/month",
        "_pkr": "PKR",
        "_share": "share, ",
        "km_day": "km/day",
        "kwh_km": "kWh/km",
        "_people": "people",
    }
    text = str(schema())
    for model in set(sections()):
        assert model.__name__ == "Config" or f"#/$defs/{model.__name__}" in text
        properties = schema(model)["properties"]
        assert set(properties) == set(model.model_fields)
        for name, part in properties.items():
            seen += 1
            assert len(part.get("description", "")) > 5, f"{model.__name__}.{name}"
            unit = next((u for ending, u in units.items() if name.endswith(ending)), None)
            if unit and name != "fleet_share":
                wanted = f"'unit': '{unit}" + ("" if unit == "share, " else "'")
                assert wanted in str(part), f"{model.__name__}.{name}"
    assert seen > 90


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"name": "A b"},
        {"year": "2030"},
        {"solver": {"gap": 1}},
        {"offers": {"configurations": {"a": {"dc_60": 0}}}},
        {"offers": {"configurations": {"A b": {"dc_60": 1}}}},
        {"roads": {"source": {"kind": "bbox"}}},
        {"candidates": {"sources": []}},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft202012Validator(schema())
    assert checker.is_valid(MINIMAL)
    assert not checker.is_valid({**MINIMAL, **change})
    with pytest.raises(pydantic.ValidationError):
        Config.model_validate({**MINIMAL, **change})


def test_the_reference_has_every_key_with_unit_and_default() -> None:
    page = "\n".join(reference().values()).replace("](config/", "](")
    page = re.sub(r"\[(`\w+`)\]\(\w+\.md\)", r"\1", page)
    for model in set(sections()):
        for name, field in model.model_fields.items():
            rows = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
            meaning = " ".join(str(field.description).split())
            assert any(meaning in row for row in rows), f"{model.__name__}.{name}"
    assert "| `cutoff_min` | number > 0 ≤ 240 | min | `10` | longest drive" in page
    assert "| `budget_pkr` | number ≥ 0 ≤ 100_000_000_000_000 | PKR | required |" in page
    assert "| `year` | whole number ≥ 2020 ≤ 2060 | year | `2030` |" in page
    assert "| `cells` | section by shape: h3, square |  | `{shape: square, size_m: 500}` |" in page
    assert "## `candidates.sources.N`, kind: osm_file" in page
    assert "## `demand.figures.NAME`" in page
    bars = 0
    for row in page.splitlines():
        found = len(re.findall(r"(?<!\\)\|", row))
        assert found in (0, bars or found), row
        bars = found


def test_the_page_in_the_documentation_is_up_to_date() -> None:
    pages = reference()
    for place, text in pages.items():
        assert (ROOT / "docs" / place).read_text(encoding="utf-8") == text
        assert len(text) < 20_000, place
    own = {path.name for path in (ROOT / "docs" / "config").iterdir()}
    assert own == {place.removeprefix("config/") for place in pages if "/" in place}


def test_reading_a_configuration_loads_no_heavy_library() -> None:
    code = (
        "import sys, siting.config; "
        "print(sorted({'geopandas', 'pandas', 'numpy', 'shapely', 'osmnx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
