"""A run in lots: the town by hand, the embedded city by its files, and what is refused."""

import json
import shutil

import geopandas as gpd
import networkx as nx
import pandas as pd
import pytest
from browser import in_chromium
from conftest import ROOT, often
from town import change, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.lots import Lots, part_into_lots
from siting.lots.lots import ground_of


@pytest.fixture(scope="module")
def run(stored_town):
    return stored_town() / "run"


def here(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)


def test_the_town_by_hand(run):
    # The pumps serve 8 and 4 kWh/day: of two lots one is twice the other, and no parting is better.
    parted = part_into_lots(run, 2)
    assert sorted(parted.lots["energy_kwh_day"]) == pytest.approx([4, 8])
    assert parted.facts["energy"]["spread_share"] == pytest.approx(1.0)
    assert parted.facts["energy"]["least_possible_share"] == pytest.approx(1.0)
    assert not parted.facts["energy"]["reached"]
    assert parted.notes[0] == (
        "energy: 4 to 8 kWh/day per lot, 100.0% apart, although at most 10% was requested. 2 lots "
        "cannot be within 10% of each other: in every division into connected lots, the largest "
        "and smallest differ by at least 100.0%. An even share is 6 kWh/day; s0002 alone serves "
        "133% of this share (8 kWh/day)"
    )
    assert parted.notes[2].startswith("2 lots would be 0.0% apart if you tender s000")
    assert parted.facts["fewer"] == {"lots": 1, "spread_share": 0.0}
    one = part_into_lots(run, 1)
    assert one.facts["energy"]["reached"]
    row = one.lots.iloc[0]
    business = siting.plan_from_run(run).tables["business"]
    assert row["ceiling_pkr"] == pytest.approx(max(0.0, -business["npv_pkr"].sum()))
    assert (row["stations"], row["least_chargers"], row["least_ports"]) == (2, "2 x socket", 2)
    assert row["open_by"] == "2030-01-01"
    assert row["plan_subsidy_pkr"] == 2000
    # Everybody lives at an end of the street: a place that loses one of them loses them all.
    assert set(one.areas["loss_share"]) == {0.0}


@pytest.mark.slow
def test_the_folder_holds_what_was_parted(run, tmp_path):
    done = here("lots", run, "--lots", 2, "--out", tmp_path / "two", "--json")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["lots"] == 2
    names = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert names == [
        "areas.csv",
        "areas.geojson",
        "lots.csv",
        "lots.geojson",
        "lots.html",
        "lots.json",
    ]
    areas = gpd.read_file(tmp_path / "two" / "areas.geojson")
    assert set(areas.geom_type) == {"Polygon"}
    assert areas.crs.to_epsg() == 4326
    # A circle of the radius it says, about the place it says.
    metric = areas.to_crs(32643)
    for row in metric.itertuples():
        radius = max(row.radius_m, 25.0)
        assert row.geometry.area == pytest.approx(3.1416 * radius**2, rel=0.01)
    lots = pd.read_csv(tmp_path / "two" / "lots.csv", encoding="utf-8-sig")
    table = pd.read_csv(tmp_path / "two" / "areas.csv", encoding="utf-8-sig")
    summed = table.groupby("lot")[["energy_kwh_day", "least_power_kw", "cost_pkr"]].sum()
    assert lots.set_index("lot")[summed.columns].sub(summed).abs().to_numpy().max() < 1e-2
    facts = json.loads((tmp_path / "two" / "lots.json").read_text(encoding="utf-8"))
    assert {k: v for k, v in said.items() if k != "written"} == facts
    printed = here("lots", run, "--lots", 1, "--out", tmp_path / "one")
    assert "A town by hand: 1 lot\n" in printed.stdout
    assert "public money: PKR" in " ".join(printed.stdout.split())


def fault(*words):
    done = here(*words)
    assert done.exit_code == 2
    return " ".join(done.stderr.split())


@pytest.mark.slow
def test_bad_wishes_are_one_plain_message_each(run, tmp_path):
    many = fault("lots", run, "--lots", 3)
    assert "3 lots cannot be made from 2 new stations; request 2 lots or fewer" in many
    both = fault("lots", run, "--lots", 0, "--within", 2)
    assert "--lots: 0 is not a number of lots" in both
    assert "--within: 2 is not a share" in both
    assert "--radius: 0 is not a radius" in fault("lots", run, "--lots", 1, "--radius", 0)
    with pytest.raises(InputError, match="most_m: 0 is not a radius; enter a distance"):
        part_into_lots(run, 1, most_m=0)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("mine")
    said = fault("lots", run, "--lots", 2, "--out", tmp_path / "there")
    assert "already exists and is not empty" in said
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["x"]
    assert "no such run folder" in fault("lots", tmp_path / "none", "--lots", 2)


@pytest.mark.slow
def test_a_run_without_stations_and_drives_of_ones_own_are_refused(tmp_path):
    town = write_town(tmp_path / "town")
    siting.run(town, ["program.budget_pkr=0"], out=tmp_path / "nothing")
    assert "builds no new station" in fault("lots", tmp_path / "nothing", "--lots", 1)
    reach = siting.Study(town).reach
    reach.to_csv(tmp_path / "town" / "drives.csv", index=False)
    drives = tmp_path / "town" / "drives.csv"
    siting.run(town, [f"reach.table_csv={drives}"], out=tmp_path / "own")
    assert "has no drives to other places" in fault("lots", tmp_path / "own", "--lots", 1)


@pytest.mark.slow
@in_chromium
def test_the_page_shows_every_lot_and_runs_nothing(run, tmp_path, opened):
    odd = tmp_path / "run"
    town = write_town(tmp_path / "town")
    change(town, title="<script>alert(1)</script> & Co")
    siting.run(town, out=odd)
    shutil.rmtree(tmp_path / "lots", ignore_errors=True)
    assert here("lots", odd, "--lots", 2, "-q", "--out", tmp_path / "lots").exit_code == 0
    page = opened(tmp_path / "lots" / "lots.html")
    assert page.text("h1") == "<script>alert(1)</script> & Co: 2 lots"
    assert page.count("section") == 2
    assert page.count("svg circle") == 2
    assert page.count("script") == 0
    assert "Subsidy ceiling" in page.text("table >> nth=0")
    width = page.ask("document.documentElement.scrollWidth")
    assert width <= page.ask("window.innerWidth")


# Stations of the embedded city that are small, and as they are by default. A busy machine plans
# others, so that the lots are fewer than the benchmark parts it into.
SMALL = "offers.sizes={lev_3: [12, 24], ac_22: [4], dc_60: [1]}"
CITY = {"small": ([SMALL], 5), "default": ([], 3)}


@pytest.mark.parametrize("which", often(list(CITY), []))
def test_the_embedded_city_in_lots_within_a_tenth(which, tmp_path):
    overrides, count = CITY[which]
    plan = siting.run(ROOT / "configs" / "islamabad.yaml", overrides)
    parted = part_into_lots(plan, count)
    assert isinstance(parted, Lots)
    assert parted.facts["energy"]["reached"]
    assert parted.facts["money"]["reached"]
    assert (parted.lots["ceiling_pkr"] == 0).all()  # every lot carries its weak stations
    new = plan.new_sites.set_index("site_id")
    at = plan.candidates.set_index("site_id")
    ids = sorted(new.index)
    _, pairs = ground_of(plan.study.network, at.loc[ids, "node_id"].astype(int).tolist())
    graph = nx.Graph([(ids[i], ids[j]) for i, j in pairs.tolist()])
    graph.add_nodes_from(ids)
    for _, here_ in parted.areas.groupby("lot"):
        assert nx.is_connected(graph.subgraph(here_["site_id"]))
    assert sorted(parted.areas["site_id"]) == ids
    # Wherever all stations stand in their areas, so much is lost at most.
    assert parted.lots["loss_kwh_day"].sum() <= 0.05 * new["served_kwh_day"].sum() + 1e-6
