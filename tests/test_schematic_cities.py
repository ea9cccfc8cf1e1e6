"""The schematic Faisalabad and Quetta: built by rule, always the same, one piece, all people."""

import bz2
import importlib.util
import re
import sys

import networkx as nx
import osmnx as ox
import pandas as pd
import pytest
from conftest import ROOT

from siting.cities import find_city

CITIES = ("faisalabad", "quetta")


@pytest.mark.slow
def test_they_are_what_the_script_builds(tmp_path):
    spec = importlib.util.spec_from_file_location("build", ROOT / "scripts" / "build_cities.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules["build"] = module  # a dataclass looks its module up
    try:
        spec.loader.exec_module(module)
        module.main(["--out", str(tmp_path)])
    finally:
        sys.path[:] = before
        del sys.modules["build"]
    for path in tmp_path.rglob("*.*"):
        kept = ROOT / "data" / path.relative_to(tmp_path)
        unpack = bz2.decompress if path.suffix == ".bz2" else bytes
        assert unpack(kept.read_bytes()) == unpack(path.read_bytes()), path.name


@pytest.mark.parametrize("city", CITIES)
def test_every_person_of_the_census_is_there(city):
    people = pd.read_csv(ROOT / "data" / city / "people.csv")
    assert people["people"].sum() == find_city(city)["people_2023"]


@pytest.mark.parametrize("city", CITIES)
def test_the_roads_are_one_piece_and_said_to_be_schematic(city):
    path = ROOT / "data" / city / f"{city}_schematic.osm.bz2"
    graph = ox.graph_from_xml(path, simplify=True, retain_all=True)
    graph.remove_nodes_from(list(nx.isolates(graph)))  # the places
    assert nx.is_strongly_connected(graph)
    assert len(graph) > 500
    text = bz2.decompress(path.read_bytes()).decode()
    assert "SCHEMATIC" in text
    names = re.findall(r'k="name" v="([^"]*)"', text.partition("<way ")[0])
    assert len(names) > 50
    assert all(name.endswith("(schematic)") for name in names)
