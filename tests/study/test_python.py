"""Studies made and changed in Python, with tables and graphs for files, and keys as arguments."""

import inspect
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from town import write_town

import siting
from siting import roads
from siting.config import load
from siting.errors import ConfigError, InputError, OutputError, SitingError
from siting.study.runs import write_run


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_town(tmp_path / "town")


def layer(path):
    table = pd.read_csv(path)
    points = gpd.points_from_xy(table.pop("lon"), table.pop("lat"))
    return gpd.GeoDataFrame(table, geometry=points, crs=4326).to_crs(32643)


def in_memory(town, **keys):
    """Return keys for the town, with its graph, people and pumps as objects."""
    folder = town.parent
    rest = load(town).model_dump(include={"offers", "money", "reach", "solver"}, exclude_unset=True)
    demand = load(town).demand.model_dump(exclude={"people"}, exclude_unset=True)
    given = {
        "roads": siting.read_roads(folder / "roads.osm"),
        "people": layer(folder / "people.csv"),
        "candidates": layer(folder / "sites.csv"),
    }
    speeds = {"roads.speeds": "other"}
    return siting.Study(
        **{"demand": demand, "budget_pkr": 5_000, **rest, **given, **speeds, **keys}
    )


# --- tables in memory ----------------------------------------------------------------------------


@pytest.mark.slow
def test_objects_give_the_plan_that_their_files_give(town):
    by_file, by_object = siting.Study(town).plan, in_memory(town).plan
    assert by_object.outcome.offers == by_file.outcome.offers
    assert by_object.served_share == pytest.approx(by_file.served_share, abs=1e-12)


@pytest.mark.slow
def test_what_was_given_is_kept_in_the_run_folder_and_runs_again_elsewhere(town, tmp_path):
    study = in_memory(town)
    write_run(study, tmp_path / "run", datetime.now().astimezone())
    names = ["candidates.sources.0.parquet", "demand.people.parquet", "roads.source.graphml"]
    assert sorted(p.name for p in (tmp_path / "run" / "given").iterdir()) == names
    shutil.rmtree(tmp_path / "cache")
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    again = siting.rerun(tmp_path / "elsewhere", out=tmp_path / "third")
    assert again.same
    assert (tmp_path / "third" / "given" / names[0]).is_file()


@pytest.mark.slow
def test_two_tables_of_one_key_are_both_kept(town, tmp_path):
    first = layer(town.parent / "sites.csv")
    study = in_memory(town, candidates=[first.iloc[:1], first.iloc[1:]])
    write_run(study, tmp_path / "run", datetime.now().astimezone())
    assert siting.rerun(tmp_path / "run").same
    assert len(study.candidates) == 2


@pytest.mark.slow
def test_land_in_memory_gives_candidates_and_takes_them_away(town):
    pumps = layer(town.parent / "sites.csv")
    ground = pumps.assign(geometry=pumps.buffer(10))  # about 310 m2 each
    study = siting.Study(town).with_(exclude=ground.iloc[[0]])
    assert study.candidates["name"].to_list() == ["East pump"]
    assert study.dropped["reason"].to_list() == ["no station may be built in West pump"]
    assert dict(study.plan.headline())["New stations"].startswith("1 ")
    plots = {"kind": "parcels", "path": ground.iloc[[0]], "site_kind": "plot"}
    plotted = siting.Study(town).with_(candidates={"sources": [plots]})
    assert plotted.candidates[["name", "kind"]].to_numpy().tolist() == [["West pump", "plot"]]
    with pytest.raises(InputError, match=r"candidates.exclude.0 \(given in Python\)"):
        siting.Study(town).with_(exclude=pumps).candidates  # noqa: B018


def test_a_network_comes_back_from_its_file_to_the_last_bit(town, tmp_path):
    network = siting.Study(town).network
    network.to_parquet(tmp_path / "net.parquet")
    again = roads.Network.from_parquet(tmp_path / "net.parquet")
    assert_frame_equal(again.nodes, network.nodes, check_exact=True)
    assert_frame_equal(again.edges, network.edges, check_exact=True)
    study = in_memory(town, roads=network)
    assert_frame_equal(study.network.edges, network.edges, check_exact=True)
    (tmp_path / "a.geojson").touch()
    with pytest.raises(
        ConfigError, match=r"roads\.source\.clip: cannot be used with a Parquet network"
    ):
        in_memory(town, roads={"source": {"kind": "file", "path": network, "clip": "a.geojson"}})


def test_a_csv_table_may_be_a_frame(town):
    fleet = pd.read_csv(town.parent / "fleet.csv").assign(vehicles=24, low=24, high=24)
    twice = siting.Study(town).with_(fleet_csv=fleet)
    assert twice.demand["demand_kwh_day"].sum() == pytest.approx(24)


def no_lengths(town):
    graph = siting.read_roads(town.parent / "roads.osm")
    for _, _, tags in graph.edges(data=True):
        del tags["length"]
    return {"roads": graph}


def people(change):
    return lambda town: {"people": change(layer(town.parent / "people.csv"))}


BAD = {
    "no CRS": (people(lambda p: p.set_crs(None, allow_override=True)), "no coordinate reference"),
    "lines": (
        people(lambda p: p.set_geometry(p.buffer(1).boundary.to_numpy(), crs=p.crs)),
        "points or polygons",
    ),
    "an index twice": (
        people(lambda p: p.set_axis([7, 7])),
        "several rows with the same index label",
    ),
    "a missing count": (people(lambda p: p.assign(people=[8.0, np.nan])), "column people"),
    "swapped": (
        people(lambda p: p.set_geometry(gpd.points_from_xy([33.6] * 2, [73.0] * 2), crs=4326)),
        "longitude and latitude swapped",
    ),
    "no lengths": (no_lengths, "edges without highway or length"),
    "no table at all": (lambda _: {"people": object()}, "a study cannot read"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_objects_are_told_by_their_key_in_one_screen(town, what):
    given, words = BAD[what]
    with pytest.raises(SitingError, match=words) as err:
        in_memory(town, **given(town)).instance  # noqa: B018
    text = str(err.value)
    assert text.startswith(("demand.people", "roads.source"))
    assert str(town.parent.parent) not in text
    assert len("".join(err.value._render_traceback_()).splitlines()) < 20


def test_faults_of_several_objects_come_at_once(town):
    bad = layer(town.parent / "people.csv").set_crs(None, allow_override=True)
    with pytest.raises(InputError) as err:
        in_memory(town, people=bad, candidates=bad)
    assert [f.where.split()[0] for f in err.value.faults] == [
        "demand.people",
        "candidates.sources.0",
    ]


# --- a changed key -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_change_keeps_every_stage_it_does_not_touch(town):
    told = []
    study = siting.Study(town, progress=lambda event: told.append(event.stage))
    assert study.plan.outcome.offers
    told.clear()
    other = study.with_(budget_pkr=0)
    assert not len(other.plan.new_sites)
    assert set(told) == {"solve", "plan"}
    for name in ("network", "cells", "demand", "candidates", "offers", "reach"):
        assert getattr(other, name) is getattr(study, name)


@pytest.mark.parametrize(
    ("keys", "override"),
    [
        ({"budget_pkr": 1_000}, "program.budget_pkr=1000"),
        ({"reach": {"cutoff_min": 2}}, "reach.cutoff_min=2"),
        ({"cutoff_min": 2.0}, "reach.cutoff_min=2"),
        ({"candidates.sources.0.site_kind": "pump"}, "candidates.sources.0.site_kind=pump"),
        ({"offers": {"configurations": {"two": {"socket": 2}}}},
         "offers.configurations={two: {socket: 2}}"),
        ({"year": 2031, "fleet_csv": None}, "year=2031"),
    ],
)  # fmt: skip
def test_keys_mean_what_overrides_mean(town, keys, override):
    overrides = [override, "demand.fleet_csv=null"] if "fleet_csv" in keys else [override]
    assert siting.Study(town).with_(**keys).config == load(town, overrides)
    assert siting.Study(town, **keys).config == load(town, overrides)


@pytest.mark.slow
def test_a_changed_study_answers_like_a_fresh_one(town):
    study = siting.Study(town)
    study.plan  # noqa: B018
    changed = study.with_(reach={"cutoff_min": 4}, budget_pkr=1_000)
    fresh = siting.Study(town, ["reach.cutoff_min=4", "program.budget_pkr=1000"])
    assert changed.plan.outcome.offers == fresh.plan.outcome.offers
    for name in ("demand", "offers", "reach"):
        assert_frame_equal(getattr(changed, name), getattr(fresh, name))


def test_at_another_year_every_stage_that_reads_it_is_worked_out_again(town):
    study = siting.Study(town).with_(fleet_csv=None)
    later = study.at(year=2035, scenario="fast")
    assert (later.config.year, later.config.demand.scenario) == (2035, "fast")
    assert later.demand["demand_kwh_day"].sum() > study.demand["demand_kwh_day"].sum()
    assert later.candidates is study.candidates


def test_slips_of_keys_are_told_all_at_once(town):
    with pytest.raises(ConfigError) as err:
        siting.Study(town).with_(budgt_pkr=1, rule="need", cutoff_min=2)
    assert [f.where for f in err.value.faults] == ["budgt_pkr", "rule"]
    assert "did you mean budget_pkr?" in str(err.value)
    with pytest.raises(ConfigError, match=r"program\.budget_pkr: -1 is less than 0"):
        siting.Study(town).with_(budget_pkr=-1)


def test_an_editor_can_complete_the_words():
    for call in (siting.Study, siting.Study.with_):
        assert {"budget_pkr", "year", "people", "roads"} <= set(inspect.signature(call).parameters)


@pytest.mark.filterwarnings("ignore")  # IPython's own warnings
def test_tab_completes_every_key_of_the_program_and_its_blocks(town):
    completer = pytest.importorskip("IPython.core.completer")
    names = {"study": siting.Study(town)}
    shell = completer.IPCompleter(namespace=names, use_jedi=False)

    def completed(text):
        return shell.complete(None, text, len(text))[1]

    for key in type(names["study"].config.program).model_fields:
        if key != "years":  # also a key of the section money: program={"years": …}
            assert f"{key}=" in completed(f"study.with_({key[:-1]}"), key
    assert ".floor" in completed("study.program.flo")


def test_nodes_keep_their_ids_and_ids_that_are_no_numbers_are_refused(town):
    graph = siting.read_roads(town.parent / "roads.osm")
    large = nx.relabel_nodes(graph, lambda node: -(10**12) - node)
    study = siting.Study(town).with_(roads=large)
    assert set(study.network.to_graph()) == set(study.network.nodes.index) <= set(large)
    assert study.cells["node_id"].isin(list(large)).all()
    for name in (str, lambda node: (node, 0)):
        with pytest.raises(InputError, match="convert_node_labels_to_integers"):
            siting.Study(town).with_(roads=nx.relabel_nodes(graph, name))


@pytest.mark.slow
def test_tables_that_are_returned_have_units(town):
    plan = siting.Study(town).plan
    found = plan.replan(budget_pkr=1_000)
    for table, column, unit in (
        (siting.side_by_side({"plan": plan}), "subsidy_pkr", "PKR"),
        (plan.frontier([1_000, 2_000]), "served_kwh_day", "kWh/day"),
        (found.changes, "subsidy_pkr_before", "PKR"),
        (found.classes, "served_kwh_day_after", "kWh/day"),
        (plan.layers["service"], "travel_min", "min"),
    ):
        assert table.attrs["units"][column] == unit


# --- the program in Python -----------------------------------------------------------------------


@pytest.mark.slow
def test_the_studys_program_is_asked_further_and_solved(town):
    asked = siting.Study(town).program
    one = asked.require(["s0001"]).limit(siting.Limit("one station", "number", "", 1, {
        "s0001:hub": 1.0, "s0002:hub": 1.0})).solve()  # fmt: skip
    assert one.offers == ("s0001:hub",)
    both = asked.solve()
    table = siting.side_by_side({"both": both, "east alone": one})
    assert table["served_kwh_day"].to_dict() == pytest.approx({"both": 12, "east alone": 4})
    assert table["subsidy_pkr"].tolist() == [2000, 1000]
    assert table.loc["both", "served_share"] == pytest.approx(1)


@pytest.mark.slow
def test_zones_of_the_study_are_a_word_of_its_program(town):
    with pytest.raises(InputError, match=r"there are no zones; set program\.zones"):
        siting.Study(town).program.floor(0.5, of="zone")
    boxes = gpd.GeoSeries.from_wkt(
        [f"POLYGON(({a} 33.5,{b} 33.5,{b} 33.7,{a} 33.7,{a} 33.5))"
         for a, b in ((72.9, 73.02), (73.02, 73.1))]
    )  # fmt: skip
    districts = gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=boxes, crs=4326)
    zones = {"kind": "layer", "path": districts, "name_column": "name"}
    asked = siting.Study(town, budget_pkr=1_000, **{"program.zones": zones}).program
    assert asked.solve().offers == ("s0002:hub",)
    with pytest.raises(siting.SitingError):
        asked.floor(0.5, of="zone").solve()
    assert asked.floor({"East": 1.0}, of="zone").solve().offers == ("s0001:hub",)


@pytest.mark.slow
def test_a_program_is_told_in_words_and_mathematics(town):
    text = siting.Study(town).program.floor(0.25, of="class")._repr_latex_()
    assert text.startswith("$$")
    assert text.endswith("$$")
    assert r"M \le B" in text
    assert "two\\_wheeler 25\\%" in text
    assert text.count("{") == text.count("}")


# --- questions to a plan -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_plan_in_memory_and_its_folder_say_the_same(town, tmp_path):
    plan = siting.Study(town).plan
    folder = plan.save(tmp_path / "run")
    stored = siting.plan_from_run(folder)
    for ask in (
        lambda run: siting.explain_site(run, "East pump", alternatives=0).reasons,
        lambda run: siting.explain_plan(run).stations.to_dict(),
        lambda run: siting.simulate(run).stations.to_dict(),
        lambda run: siting.frontier(run, [0, 1_000, 2_000])["served_kwh_day"].tolist(),
    ):
        said = [str(ask(run)) for run in (plan, plan.study, folder, stored)]
        assert said == [said[0]] * 4
    assert [row.served_kwh_day for row in plan.frontier([1_000]).itertuples()] == [8]
    assert plan.explain("East pump").state == "built"


@pytest.mark.slow
def test_a_plan_is_made_anew_in_memory_and_compared(town, tmp_path):
    plan = siting.Study(town).plan
    again = plan.replan(drop=["East pump"], budget_pkr=1_000)
    assert again.folder is None
    assert again.changes["change"].tolist() == ["not built any more"]
    assert again.after.outcome.served_kwh_day == pytest.approx(8)
    folder = plan.save(tmp_path / "run")
    stored = siting.replan(folder, drop=["East pump"], budget_pkr=1_000, out=tmp_path / "again")
    pd.testing.assert_frame_equal(stored.changes, again.changes)
    counts = plan.compare(again.after).counts
    assert counts == plan.compare(tmp_path / "again").counts
    assert counts["only in this"] == 1
    third = again.after.replan(require=["East pump"])
    assert third.after.new_sites["site_id"].tolist() == ["s0001"]


@pytest.mark.slow
def test_a_layer_in_memory_is_judged(town):
    plan = siting.Study(town).plan
    drawn = plan.new_sites[plan.new_sites["name"] == "West pump"]
    found = plan.evaluate(drawn[["site_id", "configuration", "geometry"]].reset_index(drop=True))
    assert found.theirs.outcome.served_kwh_day == pytest.approx(8)
    with pytest.raises(InputError, match=r"sites \(given in Python\)"):
        plan.evaluate(drawn[["site_id", "geometry"]].reset_index(drop=True))


@pytest.mark.slow
def test_layers_have_units_and_geojson_is_lonlat(town):
    plan = siting.Study(town).plan
    assert plan.layers["demand"].attrs["units"]["served_kwh_day"] == "kWh/day"
    found = plan.to_geojson("sites")
    assert {f["properties"]["name"] for f in found["features"]} == {"West pump", "East pump"}
    assert found["features"][0]["geometry"]["coordinates"][1] == pytest.approx(33.6)
    with pytest.raises(InputError, match="known names: sites, demand"):
        plan.to_geojson("offers")


@pytest.mark.slow
def test_a_plan_that_no_study_made_says_so(town):
    plan = replace(siting.Study(town).plan, study=None)
    with pytest.raises(InputError, match="was not made by a study"):
        plan.explain()


@pytest.mark.slow
def test_a_study_of_a_folder_reads_anew_what_changes(town, tmp_path):
    folder = siting.Study(town).plan.save(tmp_path / "run")
    again = siting.study_from_run(folder).with_(people=layer(town.parent / "people.csv"))
    assert "outcome" not in again.with_(budget_pkr=1).reused
    hashes = [r["sha256"] for s in (siting.Study(town), again) for r in s.inputs
              if r["key"] == "demand.people"]  # fmt: skip
    assert len(set(hashes)) == 2


# --- users' own tables ---------------------------------------------------------------------------


@pytest.mark.slow
def test_drives_and_offers_of_ones_own_are_taken_kept_and_run_again(town, tmp_path):
    study = siting.Study(town)
    other = {"s0001": "s0002", "s0002": "s0001"}
    swapped = study.reach.assign(site_id=study.reach["site_id"].map(other))
    far = swapped.iloc[:1].assign(cell_id=study.cells["cell_id"].iloc[-1], travel_min=99.0)
    drives = pd.concat([swapped, far], ignore_index=True).drop_duplicates(["cell_id", "site_id"])
    more = 2_000.0 + 0 * study.offers["cost_pkr"]
    dearer = study.offers.assign(
        **{name: study.offers[name] + more for name in ("charger_cost_pkr", "cost_pkr")},
        subsidy_pkr=3_000.0,
    )
    own = study.with_(reach={"table_csv": drives}, offers={"table_csv": dearer})
    assert_frame_equal(own.with_(offers={"table_csv": None}).offers, study.offers)
    assert own.reach["travel_min"].max() <= 5
    assert len(own.reach) == len(study.reach)
    found = own.plan
    assert found.outcome.offers == ("s0001:hub",)
    assert study.with_(budget_pkr=1_000).plan.outcome.offers == ("s0002:hub",)
    folder = found.save(tmp_path / "run")
    names = sorted(path.name for path in (folder / "given").iterdir())
    assert names == ["offers.table_csv.csv", "reach.table_csv.csv"]
    assert siting.rerun(folder).same


def test_offers_as_they_were_change_nothing(town):
    study = siting.Study(town)
    same = study.with_(offers={"table_csv": study.offers}, reach={"table_csv": study.reach})
    assert_frame_equal(same.offers, study.offers)
    assert_frame_equal(
        same.reach, study.reach.sort_values(["cell_id", "site_id"], ignore_index=True)
    )


def test_faults_of_ones_own_tables_are_told(town):
    study = siting.Study(town)
    stray = study.reach.assign(site_id="s0099", travel_min=-1.0)
    with pytest.raises(InputError) as err:
        study.with_(reach={"table_csv": stray}).reach  # noqa: B018
    assert all(f.where.startswith("reach.table_csv (given in Python)") for f in err.value.faults)
    assert "s0099" in str(err.value)
    assert "below 0 min" in str(err.value)
    apart = study.offers.assign(cost_pkr=study.offers["cost_pkr"] + 9)
    with pytest.raises(InputError, match="cost of 2 offers differs from the sum of charger_cost"):
        study.with_(offers={"table_csv": apart}).offers  # noqa: B018
    bare = study.offers[["offer_id", "site_id"]]
    with pytest.raises(InputError, match="start from the study's own table"):
        study.with_(offers={"table_csv": bare}).offers  # noqa: B018


@pytest.mark.slow
def test_a_matrix_of_minutes_is_drives_with_ids_or_by_place(town, tmp_path):
    study = siting.Study(town)
    cells, sites = study.cells["cell_id"], study.candidates["site_id"]
    long = study.reach.sort_values(["cell_id", "site_id"], ignore_index=True)
    wide = long.pivot_table(index="cell_id", columns="site_id", values="travel_min")
    by_place = wide.reindex(index=cells, columns=sites).fillna(np.inf).to_numpy()
    path = tmp_path / "matrix.csv"
    wide.to_csv(path)
    for given in (wide, wide.iloc[::-1, ::-1], by_place, path):
        assert_frame_equal(study.with_(reach=given).reach, long)
    own = study.with_(reach=by_place)
    assert own.plan.outcome.offers == study.plan.outcome.offers
    assert siting.rerun(own.plan.save(tmp_path / "run")).same
    for wrong, what in (
        (by_place[:1], r"a matrix of 1 x 2, but the study has 2 cells and 2 sites"),
        (wide.rename(columns={"s0001": "s0099"}), "site_id: the study lacks 1 id"),
        (-by_place, "below 0 min"),
    ):
        with pytest.raises(InputError, match=what):
            study.with_(reach=wrong).reach  # noqa: B018


@pytest.mark.slow
def test_demand_of_ones_own_is_taken_kept_and_run_again(town, tmp_path):
    study = siting.Study(town)
    west, east = study.people.geometry
    # Two rows in the west are in the same cell. Here the east has more demand than the west.
    own = gpd.GeoDataFrame(
        {"demand_kwh_day": [1.0, 2.0, 9.0]}, geometry=[west, west, east], crs=4326
    ).to_crs(32643)
    frame = pd.DataFrame({"cell_id": study.cells["cell_id"]})
    first = study.with_(demand=own, budget_pkr=1_000)
    frame["demand_kwh_day"] = first.demand.set_index("cell_id")["demand_kwh_day"].reindex(
        frame["cell_id"]).to_numpy()  # fmt: skip
    assert sorted(first.demand["demand_kwh_day"]) == [3.0, 9.0]
    assert_frame_equal(study.with_(demand=frame, budget_pkr=1_000).demand, first.demand)
    plan = first.plan
    assert plan.new_sites["name"].tolist() == ["East pump"]
    assert plan.served_share == pytest.approx(9 / 12)
    assert "Demand, 90 % range" not in dict(plan.headline())
    folder = plan.save(tmp_path / "run")
    assert (folder / "given" / "demand.table.parquet").is_file()
    assert any("your own table" in line for line in first.demand_notes)
    assert siting.rerun(folder).same
    with pytest.raises(InputError, match="a table of your own, so there is no calculation"):
        siting.trace(folder, first.demand["cell_id"].iloc[0])
    assert_frame_equal(first.with_(demand={"table": None}).demand, study.demand)


def test_faults_of_ones_own_demand_are_told_together(town):
    study = siting.Study(town)
    west = study.people.geometry.iloc[0]
    rows = {"demand_kwh_day": [1.0, -2.0], "vehicle_class": ["two_wheeler", "tram"]}
    far = gpd.points_from_xy([west.x, west.x], [west.y, west.y + 0.5])
    with pytest.raises(InputError) as err:
        study.with_(demand=gpd.GeoDataFrame(rows, geometry=far, crs=4326)).demand  # noqa: B018
    text = str(err.value)
    far_off = "geometry: no cell of the study is within 600 m of 1 row"
    assert f"demand.table (given in Python), {far_off}" in text
    near = gpd.GeoDataFrame(rows, geometry=[west, west], crs=4326)
    with pytest.raises(InputError) as err:
        study.with_(demand=near).demand  # noqa: B018
    text = str(err.value)
    assert "below 0 kWh/day" in text
    assert "column vehicle_class: the study lacks 1 id" in text
    years = {"budgets_pkr": {2030: 1_000, 2035: 1_000}}
    with pytest.raises(ConfigError, match="the table is for one year and one future"):
        study.with_(demand=near, program={"years": years})


@pytest.mark.slow
def test_a_network_of_ours_is_planned_like_the_file_it_came_from(town):
    study = siting.Study(town)
    again = study.with_(roads=study.network)
    assert again.plan.outcome.offers == study.plan.outcome.offers
    assert len(again.neighbourhoods) == 0


ODD = [5, None, "x", [], 3.5, True, Path("/x"), np.zeros((2, 2)), {1: 2}, {"cache_dir": None},
       {"cache_dir": 5}, {"cache_dir": []}, {"cache_dir": {}}, {"cache_dir": "a\0b"},
       {"cache_dir": "/dev/null/x"}, {"cache_dir": "x" * 5000}, {"runs_dir": None}]  # fmt: skip


@pytest.mark.parametrize("output", ODD, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("more", [{}, {"people": np.zeros((2, 2))}], ids=["alone", "with a table"])
def test_an_odd_place_for_results_is_told_in_words(town, output, more):
    with pytest.raises((ConfigError, InputError, OutputError)) as refused:
        siting.Study(town, output=output, **more)
    said = str(refused.value)
    assert "output" in said or "cannot be written" in said
    if not more:
        with pytest.raises((ConfigError, InputError)):
            siting.Study(town).with_(output=output)


@pytest.mark.slow
def test_the_users_ids_and_columns_come_back_with_every_place(town, tmp_path):
    places = gpd.GeoDataFrame(
        {"name": ["West pump", "By it", "East pump"], "plot_no": [17, 18, 19],
         "cost_pkr": [1.5, 2.5, 3.5], "Owner": ["PSO", None, "Shell"]},
        geometry=gpd.points_from_xy([73.005, 73.0051, 73.045], [33.6, 33.6, 33.6]), crs=4326,
        index=pd.MultiIndex.from_tuples([("node", 5), ("node", 6), ("way", 5)],
                                        names=["element", "id"]),
    )  # fmt: skip
    study = siting.Study(town).with_(candidates=places)
    plan = study.plan
    rows = plan.sites.set_index("user_id")
    assert set(rows.index) == {"node/6", "way/5"}
    assert rows.loc["way/5", ["plot_no", "user_cost_pkr", "Owner"]].tolist() == [19, 3.5, "Shell"]
    costs = plan.offers.set_index("offer_id")["cost_pkr"]
    assert rows.loc["way/5", "cost_pkr"] == costs[rows.loc["way/5", "offer_id"]]
    merged = plan.candidates.set_index("user_id").loc["node/6"]
    assert (merged["merged_ids"], merged["plot_no"]) == ("node/5", 18)
    write_run(study, tmp_path / "out", datetime(2026, 1, 1, tzinfo=UTC))
    for name in ("sites", "candidates"):
        written = gpd.read_file(tmp_path / "out" / f"{name}.geojson")
        assert {"user_id", "plot_no", "user_cost_pkr", "Owner"} <= set(written.columns)
        assert gpd.read_file(tmp_path / "out" / "plan.gpkg", layer=name)["plot_no"].notna().all()
    again = siting.study.plan_from_run(tmp_path / "out").sites
    assert again["plot_no"].to_list() == plan.sites["plot_no"].to_list()


@pytest.mark.slow
def test_columns_of_ones_own_people_and_demand_are_those_of_the_cells(town):
    study = siting.Study(town)
    people = gpd.read_file(town.parent / "people.csv").astype({"lon": float, "lat": float})
    people = gpd.GeoDataFrame(
        {"people": [8, 4, 0], "ward": ["west", "east", "east"], "served_share": [1, 2, 3]},
        geometry=gpd.points_from_xy(people["lon"].iloc[[0, 1, 1]], people["lat"].iloc[[0, 1, 1]]),
        crs=4326,
        index=pd.Index([11, 12, 13], name="osmid"),
    )
    given = study.with_(demand={"people": {"kind": "points", "path": people}})
    layer = given.plan.layers["demand"].sort_values("people")
    assert layer["ward"].tolist() == ["east", "west"]
    # The plan has its own `served_share`. If the rows of a cell differ, the user's value is blank.
    assert layer["served_share"].tolist() == [1, 1]
    assert layer["user_served_share"].tolist()[1] == 1
    assert np.isnan(layer["user_served_share"].iloc[0])
    assert layer["user_id"].tolist()[1] == 11

    rows = study.demand[["cell_id", "vehicle_class", "demand_kwh_day"]]
    rows = rows.assign(block=[f"B{n}" for n in range(len(rows))])
    plan = study.with_(demand={"table": rows}).plan
    assert plan.demand["block"].tolist() == rows["block"].tolist()
    assert plan.layers["demand"].set_index("cell_id")["block"].to_dict() == dict(
        zip(rows["cell_id"], rows["block"], strict=True)
    )


def test_ids_of_ones_own_demand_are_kept_where_rows_stay_rows(town):
    study = siting.Study(town)
    rows = study.demand[["cell_id", "vehicle_class", "demand_kwh_day"]]
    rows = rows.assign(demand_id=[f"ward {n}" for n in range(len(rows))])
    plan = study.with_(demand=rows).plan
    kept = plan.demand.set_index("demand_id")["cell_id"]
    assert kept.to_dict() == rows.set_index("demand_id")["cell_id"].to_dict()
    assert set(plan.service["demand_id"]) <= set(rows["demand_id"])
    assert len(plan.checks)
    halves = pd.concat([rows, rows.assign(demand_id="other")]).reset_index(drop=True)
    assert study.with_(demand=halves).demand["demand_id"].str.fullmatch(r"d\d{5}").all()


def test_a_town_of_ones_own_needs_no_other_name(town):
    study = siting.Study(town).with_(city="Haripur", like="peshawar", city_people=150_000)
    assert study.city["city"] == "Haripur"
    assert study.city["disco"] == "PESCO"
    assert study.city_people == 150_000
    assert study.plan.new_sites["subsidy_pkr"].sum() > 0
