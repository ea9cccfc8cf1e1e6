"""A study in which numbers of chargers are decisions, from the keys to the report."""

import json

import geopandas
import pandas as pd
import pytest
from town import LAT, LONS, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.export import styles_of
from siting.review.evaluate import evaluate
from siting.review.explain import explain_site
from siting.review.verified import verify_run
from siting.study.to_limits import power_for

SIZES = "offers.sizes={socket: [1, 2, 3]}"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Return the town without configurations, and with 5 kWh/day as the capacity of a socket."""
    path = write_town(tmp_path_factory.mktemp("sizes") / "town")
    text = path.read_text(encoding="utf-8")
    text = text.replace("  configurations:\n    hub: {socket: 1}\n", "")
    # A socket delivers half of 10 kWh/day, so the west needs two sockets and the east needs one.
    path.write_text(text.replace("utilisation: 1.0", "utilisation: 0.5"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(town):
    siting.run(town, [SIZES], out=town.parent / "run")
    return town.parent / "run"


def test_the_plan_builds_as_many_as_each_end_needs(run):
    built = pd.read_csv(run / "sites.csv").set_index("name")
    assert built["chargers"].to_dict() == {"West pump": "2 x socket", "East pump": "1 x socket"}
    assert built["configuration"].to_dict() == {"West pump": "2_socket", "East pump": "1_socket"}
    assert built["served_kwh_day"].to_dict() == {"West pump": 8, "East pump": 4}
    # offers.csv shows sizes up to one step from the size built. The stored tables have all sizes.
    offers = pd.read_csv(run / "offers.csv")
    assert offers["offer_id"].tolist() == [
        *("s0001:1_socket", "s0001:2_socket"),
        *("s0002:1_socket", "s0002:2_socket", "s0002:3_socket"),
    ]
    sizes = json.loads((run / "run.json").read_text())["sizes"]
    assert (sizes["offers"], sizes["offers_shown"]) == (2 * 3, 5)
    assert len(siting.study_from_run(run).plan.offers) == 2 * 3
    assert len(siting.study_from_run(run).plan.layers["offers"]) == 5
    drawn = geopandas.read_file(run / "plan.gpkg", layer="offers")
    assert drawn["offer_id"].tolist() == offers["offer_id"].tolist()


@pytest.mark.slow
def test_what_is_shown_of_a_run_verifies(run):
    assert verify_run(run).faults == []


@pytest.mark.slow
def test_people_read_chargers_and_no_code_names(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "2 x socket" in page
    assert "2_socket" not in page
    told = CliRunner().invoke(app, ["explain", str(run)]).output
    assert "2 x socket" in told
    assert "2_socket" not in told
    why = explain_site(run, "West pump", time_limit_s=10)
    assert why.offers["chargers"].tolist() == ["1 x socket", "2 x socket", "3 x socket"]
    assert why.offers["said"].str.partition(":")[0].tolist()[::2] == [
        "1 x socket removed", "1 x socket added"
    ]  # fmt: skip
    assert "_socket" not in str(why.reasons)
    again = CliRunner().invoke(app, ["replan", str(run), "--budget", "1000"]).output
    assert "2 x socket" in again
    assert "_socket" not in again


@pytest.mark.slow
def test_limits_read_what_a_size_is_made_of(town):
    pot = "program.limits.envelopes={sockets: {budget_pkr: 1000, charger_groups: [lev]}}"
    ev = "program.limits.ev_classes=[two_wheeler]"
    study = siting.Study(town, [SIZES, pot, ev])
    (limit,) = study.limits
    assert set(limit.use) == set(study.offers["offer_id"])
    assert set(limit.use.values()) == {1.0}
    kw = power_for(study.config, study.offers, study.compatibility)
    wanted = study.offers.set_index("offer_id")["power_kw"].to_dict()
    assert kw == pytest.approx(wanted)
    assert len(study.plan.new_sites) == 1


@pytest.mark.slow
def test_a_layer_with_numbers_that_no_size_has_is_judged_beside_the_best(town, tmp_path):
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(f"lon,lat,chargers\n{LONS[1]},{LAT},4 x socket\n", encoding="utf-8")
    found = evaluate(siting.Study(town, [SIZES, "program.budget_pkr=9_000"]), theirs)
    assert found.theirs.sites["chargers"].tolist() == ["4 x socket"]
    assert found.best.sites.set_index("name")["chargers"].to_dict() == {
        "West pump": "2 x socket",
        "East pump": "1 x socket",
    }
    theirs.write_text(f"lon,lat,configuration\n{LONS[1]},{LAT},2_socket\n", encoding="utf-8")
    found = evaluate(siting.Study(town, [SIZES]), theirs)
    assert found.theirs.sites["configuration"].tolist() == ["2_socket"]


def test_a_type_without_a_price_in_its_group_is_told(town):
    with pytest.raises(InputError, match=r"no price for charger groups in use \(lev\); add what"):
        _ = siting.Study(town, [SIZES, "money.prices_pkr_kwh={dc: 120}"]).business_rules


@pytest.mark.slow
def test_figures_name_the_bays_of_each_kind_until_the_user_gives_one(town):
    figures = siting.Study(town, [SIZES]).assumptions
    rows = figures[figures["table"] == "site_bays.csv"].set_index("of")
    assert rows.loc["fuel", ["value", "low", "high"]].tolist() == [8, 2, 16]
    assert set(figures.loc[figures["table"] == "chargers.csv", "of"]) == {"socket"}
    own = siting.Study(town, [SIZES, "offers.costs.site_bays=3"]).assumptions
    assert not (own["table"] == "site_bays.csv").any()


def test_labels_on_the_map_say_what_is_built(town):
    (style,) = styles_of("sites", siting.Study(town, [SIZES]).plan.sites)
    assert "&quot;chargers&quot; || ', '" in style.qml
    assert "configuration" not in style.qml.partition("<labeling")[2].partition("</labeling>")[0]
