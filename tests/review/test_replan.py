"""Second thoughts on the town solved by hand: what is asked, what is reused, what is said."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from brute_force import COMPATIBILITY
from brute_force import town as random_town
from conftest import seeds
from town import LAT, LONS
from typer.testing import CliRunner

import siting
from siting import Instance, Program, solve
from siting.cli import app
from siting.errors import InfeasibleError, InputError
from siting.review.frontier import _share_bounds, frontier
from siting.review.replan import changes_between, replan
from siting.study import stored_run

WEST, EAST = "s0002", "s0001"  # from south to north


@pytest.fixture(scope="module")
def folder(stored_town):
    return stored_town("program.budget_pkr=1_000")


@pytest.fixture
def run(folder, tmp_path):
    return shutil.copytree(folder / "run", tmp_path / "run")


def names(plan):
    return plan.new_sites["name"].tolist()


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_dropped_site_is_followed_by_the_other(run, monkeypatch):
    # The plan's own offers are not made again; those of the other capacity rule are, beside it.
    for stage in ("merge_candidates",):
        monkeypatch.setattr(f"siting.sites.{stage}", lambda *_a, **_k: pytest.fail("again"))
    monkeypatch.setattr("siting.roads.reach", lambda *_: pytest.fail("reach worked out again"))
    found = replan(run, drop=["West pump"])
    assert names(found.before) == ["West pump"]
    assert names(found.after) == ["East pump"]
    changes = found.changes.set_index("name")
    assert changes["change"].to_dict() == {"East pump": "built", "West pump": "not built any more"}
    assert changes.loc["East pump", "served_kwh_day_after"] == pytest.approx(4)
    assert changes.loc["West pump", "subsidy_pkr_before"] == 1_000
    assert changes.loc["West pump", "subsidy_pkr_after"] == 0
    row = found.classes.iloc[0]
    assert row["served_kwh_day_before"] == pytest.approx(8)
    assert row["served_kwh_day_after"] == pytest.approx(4)


@pytest.mark.slow
def test_the_new_folder_is_a_run_like_any_other(run, tmp_path):
    out = tmp_path / "second"
    found = replan(run, drop=[WEST], require=[EAST], budget_pkr=3_000, out=out)
    assert found.folder == out
    names_ = {p.name for p in out.iterdir()}
    assert names_ >= {"run.json", "config.yaml", "changes.csv", "sites.geojson", "stages"}
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["program"]["budget_pkr"] == 3_000
    assert config["program"]["limits"]["forbidden_sites"] == [WEST]
    assert config["program"]["limits"]["required_sites"] == [EAST]
    facts = json.loads((out / "run.json").read_text())
    assert facts["replanned_from"]["drop"] == [WEST]
    assert "reach" in facts["replanned_from"]["reused"]
    assert "outcome" not in facts["replanned_from"]["reused"]
    again = siting.run(out / "config.yaml")
    assert again.outcome.offers == found.after.outcome.offers
    assert stored_run.plan_from_run(out).outcome.offers == found.after.outcome.offers
    csv = pd.read_csv(out / "changes.csv")
    assert csv["change"].tolist() == ["built", "not built any more"]


@pytest.mark.slow
def test_a_second_thought_may_take_back_the_first(run, tmp_path):
    first = replan(run, drop=[WEST], out=tmp_path / "first")
    second = replan(tmp_path / "first", require=[WEST], out=tmp_path / "second")
    assert names(first.after) == ["East pump"]
    assert names(second.after) == ["West pump"]
    assert second.notes == (f"{WEST} was dropped before and is required now",)
    limits = yaml.safe_load((tmp_path / "second" / "config.yaml").read_text())["program"]["limits"]
    assert limits["required_sites"] == [WEST]
    assert limits["forbidden_sites"] == []


@pytest.mark.slow
def test_nothing_asked_changes_nothing(run, tmp_path):
    found = replan(run, out=tmp_path / "same")
    assert found.changes.empty
    assert found.before.outcome.offers == found.after.outcome.offers
    assert changes_between(found.after, found.after).empty


@pytest.mark.slow
def test_other_keys_can_be_set_too(run, tmp_path):
    found = replan(run, budget_pkr=2_000, overrides=["reach.cutoff_min=20"], out=tmp_path / "two")
    assert found.after.outcome.budget_pkr == 2_000
    assert found.after.facts["replanned_from"]["set"] == ["reach.cutoff_min=20"]


# --- added places --------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_added_place_gets_offers_and_drives_of_its_own(folder, run, tmp_path):
    layer = tmp_path / "more.csv"
    layer.write_text(f"lon,lat,name\n{LONS[-1]},{LAT},East end\n{LONS[1]},{LAT},West again\n")
    out = tmp_path / "added"
    found = replan(run, add=layer, require=["East end"], budget_pkr=2_000, out=out)
    after = found.after
    assert after.candidates["site_id"].tolist() == ["s0001", "s0002", "s0003"]
    assert sorted(names(after)) == ["East end", "West pump"]
    assert any("is that site and was not added again" in note for note in found.notes)
    assert any("1 places added (s0003)" in note for note in found.notes)
    fresh = siting.run(
        folder / "town" / "town.yaml",
        [
            "program.budget_pkr=2_000",
            "program.limits.required_sites=[East end]",
            "candidates.sources=[{kind: layer, path: sites.csv, name_column: name, site_kind: fuel,"
            f" source: by hand}}, {{kind: layer, path: {layer}, name_column: name}}]",
        ],
    )
    assert fresh.outcome.served_kwh_day == pytest.approx(after.outcome.served_kwh_day)
    key = ["name", "travel_min", "served_kwh_day"]
    one, two = (
        plan.service.merge(plan.sites[["site_id", "name"]], on="site_id")[key]
        for plan in (fresh, after)
    )
    pd.testing.assert_frame_equal(one.sort_values("name", ignore_index=True),
                                  two.sort_values("name", ignore_index=True))  # fmt: skip
    sources = yaml.safe_load((out / "config.yaml").read_text())["candidates"]["sources"]
    assert sources[-1]["path"] == str(layer)
    inputs = json.loads((out / "run.json").read_text())["inputs"]
    assert [i["file"] for i in inputs if i["key"] == "candidates.sources.1"] == ["more.csv"]
    assert (
        len(siting.run(out / "config.yaml", ["program.limits.required_sites=[]"]).candidates) == 3
    )
    third = replan(out, drop=["s0003"], out=tmp_path / "third")
    assert sorted(names(third.after)) == ["East pump", "West pump"]


@pytest.mark.slow
def test_a_place_that_is_only_added_is_planned_for(run, tmp_path):
    layer = tmp_path / "more.csv"
    layer.write_text(f"lon,lat,name\n{LONS[-1]},{LAT},East end\n")
    found = replan(run, add=layer, out=tmp_path / "added")
    assert "outcome" not in found.after.facts["replanned_from"]["reused"]
    assert "s0003" in found.after.candidates["site_id"].tolist()
    assert "s0003:hub" in found.after.offers["offer_id"].tolist()
    solved = replan(tmp_path / "added", require=["East end"], out=tmp_path / "there")
    assert names(solved.after) == ["East end"]


# --- what is refused -----------------------------------------------------------------------------


def test_dropping_and_requiring_one_site_is_one_clear_fault(run):
    with pytest.raises(InputError) as caught:
        replan(run, drop=["West pump"], require=[WEST])
    (fault,) = caught.value.faults
    assert str(fault) == (
        "drop and require: 1 site is both dropped and required (s0002); keep each in only one list"
    )


def test_every_unknown_site_is_named_with_what_it_may_be(run):
    with pytest.raises(InputError) as caught:
        replan(run, drop=["s0009"], require=["Weast pump"])
    text = [str(fault) for fault in caught.value.faults]
    assert text[0].startswith("drop: 's0009' is not a site; did you mean s000")
    assert text[1] == "require: 'Weast pump' is not a site; did you mean West pump?"


@pytest.mark.slow
def test_a_wish_that_cannot_hold_says_what_is_in_the_way(run):
    with pytest.raises(InfeasibleError) as caught:
        replan(run, require=[WEST, EAST], out=run.parent / "never")
    assert "budget_pkr: have 1,000 PKR, need 2,000 PKR" in str(caught.value)
    assert not (run.parent / "never").exists()


@pytest.mark.slow
def test_a_new_folder_must_be_new(run):
    with pytest.raises(InputError) as caught:
        replan(run, out=run)
    assert "not empty" in str(caught.value)


# --- the warm start ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(0, 1, 6))
@pytest.mark.parametrize("model", ["capacitated", "coverage"])
def test_any_start_gives_the_same_optimum_and_a_valid_bound(seed, model):
    budget = 7.0
    instance = Instance.from_tables(*random_town(seed), COMPATIBILITY, budget)
    cold = solve(Program(instance, model), gap=0.0, time_limit_s=20)
    everything = instance.offer_ids.tolist()  # too dear, and several a site
    for start in (cold.offers, everything, ["nowhere:at_all"], []):
        warm = solve(Program(instance, model), gap=0.0, time_limit_s=20, start=start)
        assert warm.status == "optimal"
        assert warm.proof.objective == pytest.approx(cold.proof.objective, abs=1e-6)
        loose = solve(Program(instance, model), gap=0.1, time_limit_s=20, start=start)
        assert loose.proof.bound >= cold.proof.objective - 1e-6
        assert loose.subsidy_pkr <= budget + 1e-6


@pytest.mark.slow
def test_a_frontier_never_falls_and_its_bounds_never_rise_for_less(folder):
    study = siting.Study(folder / "town" / "town.yaml")
    table = frontier(study, [2_000, 0, 1_000, 1_500])
    assert table["served_kwh_day"].tolist() == pytest.approx([0, 8, 8, 12])
    assert table["bound_kwh_day"].is_monotonic_increasing
    assert table["worst_zone_share"].tolist() == pytest.approx([0, 0, 0, 1])
    assert table["gini"].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 0], abs=1e-6)


def test_a_bound_for_more_money_holds_for_less():
    plans = [(9.0, 12.0, 1 / 3), (10.0, 10.0, 0.0), (11.0, 14.0, 3 / 11)]
    rows = [
        {
            "objective": value,
            "bound": bound,
            "bound_kwh_day": bound,
            "gap": gap,
            "status": "feasible",
        }
        for value, bound, gap in plans
    ]
    _share_bounds(rows, 0.2, less=False)
    assert [row["bound_kwh_day"] for row in rows] == [10, 10, 14]
    assert rows[0]["status"] == "optimal"
    assert rows[0]["gap"] == pytest.approx(1 / 9)
    assert rows[2]["status"] == "feasible"


# --- the verb ------------------------------------------------------------------------------------


def cli(*words):
    return CliRunner().invoke(app, ["replan", *map(str, words)])


@pytest.mark.slow
def test_the_verb_shows_what_changed(run, tmp_path):
    shown = cli(run, "--drop", WEST, "--out", tmp_path / "a")
    assert shown.exit_code == 0, shown.output
    assert "planned again" in shown.output
    assert "1 built, 1 not built any more" in shown.output
    facts = json.loads(cli(run, "--budget", "2e3", "--json", "-q", "--out", tmp_path / "b").stdout)
    assert facts["budget_pkr"] == 2_000
    assert [row["change"] for row in facts["changes"]] == ["built"]
    refused = cli(run, "--drop", WEST, "--require", WEST)
    assert refused.exit_code == 2
    assert "--drop and --require: 1 site is both" in refused.stderr
    assert "--budget: 1e+16 is not an amount" in cli(run, "--budget", "1e16").stderr
    assert cli(run, "--require", WEST, "--require", EAST).exit_code == 1
    assert cli(tmp_path / "none").exit_code == 2
    assert cli(run, "-q", "--out", tmp_path / "c").output == ""
