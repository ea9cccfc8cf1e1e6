"""Why here and why not there, on the town solved by hand and on towns valued by brute force."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from brute_force import COMPATIBILITY
from brute_force import town as random_town
from conftest import seeds
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.engine import solve
from siting.engine.fixed import assign
from siting.engine.marginal import Marginal, lost_without
from siting.engine.proof import Proof
from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.program import Program
from siting.review import explain as explain_module
from siting.review.explain import Again, Explained, explain_plan, explain_site

BROKE, RICH = "program.budget_pkr=1_000", "program.budget_pkr=2_000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explain")


@pytest.fixture(scope="module")
def poor(stored_town):
    return stored_town(BROKE) / "run"


@pytest.fixture(scope="module")
def rich(folder, poor):
    siting.run(poor.with_name("town") / "town.yaml", [RICH], out=folder / "rich")
    return folder / "rich"


@pytest.fixture(scope="module")
def empty(folder, poor):
    siting.run(poor.with_name("town") / "town.yaml", ["program.budget_pkr=0"], out=folder / "empty")
    return folder / "empty"


# --- one place -----------------------------------------------------------------------------------


def test_the_west_pump_serves_eight_and_all_of_it_would_be_lost(poor):
    # One hub, 1,000 rupees, eight two-wheelers at the west end; see town.py.
    why = explain_site(poor, "West pump", alternatives=2, time_limit_s=10)
    said = dict(why.reasons)
    assert why.state == "built"
    assert why.figures["served_kwh_day"] == pytest.approx(8)
    assert why.figures["marginal_kwh_day"] == pytest.approx(8)
    assert said["Lost without it"].startswith("8 kWh/day; other stations would take over 0")
    assert "125 rupees of subsidy per kWh/day served" in said["What it costs"]
    assert said["What limits it"].startswith("reach: all 8 kWh/day of demand within reach")
    assert "East pump" in said["Next best place"]
    assert "4 kWh/day less" in said["Next best place"]
    assert "serves 4 kWh/day less" in said["Planned without it"]
    assert why.figures["planned_without"]["served_kwh_day"] == pytest.approx(4)
    assert why.classes["lost_kwh_day"].tolist() == [pytest.approx(8)]
    assert why.offers["said"].tolist() == ["built"]


@pytest.mark.slow
def test_a_station_under_limits_is_planned_without_too(folder, poor):
    # Two limits over all offers, so that leaving out a site leaves amounts of each behind.
    limits = ["program.limits.most_new_stations=1", "program.limits.spacing_m=100000"]
    siting.run(poor.with_name("town") / "town.yaml", [RICH, *limits], out=folder / "limited")
    why = explain_site(folder / "limited", "West pump", alternatives=1)
    assert "serves 4 kWh/day less" in dict(why.reasons)["Planned without it"]
    assert "no other near-optimal plan" in dict(why.reasons)["In other plans"]


@pytest.mark.slow
def test_the_east_pump_is_worth_less_than_the_money_there_is(poor):
    why = explain_site(poor, "East pump", alternatives=0)
    said = dict(why.reasons)
    assert why.state == "not built"
    assert said["Demand there"].startswith("4 kWh/day of demand within reach; 4 of it")
    assert "nothing at s0001" in said["Why not"] or "nothing at s0002" in said["Why not"]
    assert "4 kWh/day less" in said["Why not"]
    assert why.offers["said"].tolist() == [
        "+4 kWh/day for PKR +0.00 m; PKR 0.00 m more than is left"
    ]
    assert why.figures["required"]["served_kwh_day"] == pytest.approx(4)


@pytest.mark.slow
def test_near_optimal_plans_are_counted_and_said(rich):
    why = explain_site(rich, "West pump", alternatives=3, time_limit_s=10)
    text = dict(why.reasons)["In other plans"]
    assert text == "there is no other near-optimal plan"  # any other serves a third less


NEED = (
    "offers.subsidy={rule: need, charger_share: 1, grid_share: 1, fee_share: 1, civil_share: 1,"
    " hurdle: {sales_share: 1}}",
    "money.prices_pkr_kwh={lev: 55, ac: 120, dc: 120}",
    "offers.costs.land_bay_month_pkr=0",
    "program.budget_pkr=1e6",
    "program.then=[least_money]",
)


@pytest.mark.slow
def test_what_is_built_shows_what_it_is_paid_and_the_rest_from_least_to_most(tmp_path):
    """A hub may be paid all of its cost; it lacks what its 8 kWh/day do not earn."""
    siting.run(write_town(tmp_path / "town"), [*NEED], out=tmp_path / "run")
    run = Explained(tmp_path / "run")
    west = explain_site(run, "West pump", alternatives=0).offers.iloc[0]
    paid = run.plan.sites.set_index("name").loc["West pump", "subsidy_pkr"]
    terms = siting.economics.gap_terms(
        run.study.offers, run.asked.rules, siting.sites.Subsidy(rule="gap")
    ).iloc[0]
    assert west["paid_pkr"] == pytest.approx(paid)
    assert paid == pytest.approx(terms["need_pkr"] - 8 * terms["worth_pkr_kwh_day"], rel=1e-6)
    # Sold out it sells 10; and its cap is what was shown as if it were paid.
    assert west["least_pkr"] == pytest.approx(
        max(terms["need_pkr"] - 10 * terms["worth_pkr_kwh_day"], 0.0)
    )
    assert west["least_pkr"] < paid < west["subsidy_pkr"]
    shown = cli(tmp_path / "run", "West pump", "--alternatives", "0").output
    assert f"{paid / 1e6:,.2f}" in shown
    assert "For a built station: its subsidy" in " ".join(shown.split())


@pytest.mark.slow
def test_an_offer_that_never_breaks_even_is_not_said_to_serve_anything(tmp_path):
    """The largest subsidy is 1 % of the cost; sold out, no offer earns the rest."""
    little = "offers.subsidy={rule: need, charger_share: 0.01, grid_share: 0.01}"
    siting.run(write_town(tmp_path / "town"), [*NEED, little], out=tmp_path / "run")
    why = explain_site(tmp_path / "run", "West pump", alternatives=0)
    assert why.offers["said"].unique().tolist() == [
        "cannot break even at these prices, even if sold out"
    ]
    assert why.offers["plan_kwh_day"].isna().all()
    assert "nothing can be built here: cannot break even" in dict(why.reasons)["Why not"]


@pytest.mark.parametrize(("unit", "energy"), [("kWh/day", True), ("PKR", False)])
def test_a_bound_that_is_not_proven_is_never_told_as_a_number(unit, energy):
    proof = Proof.of(10.0, math.inf, gap_asked=0.01, stopped="time limit", unit=unit, maximise=True)
    again = Again(SimpleNamespace(proof=proof, served_kwh_day=10.0), 0.0, energy)
    assert again.told("plan with it").endswith("(no bound on a plan with it was proven in time)")
    assert again.figures["bound"] is None
    json.dumps(again.figures, allow_nan=False)
    known = Again(SimpleNamespace(proof=replace(proof, bound=12.0)), 0.0, energy)
    assert "(no plan with it " in known.told("plan with it")


@pytest.mark.slow
def test_a_million_more_of_which_nothing_is_proven_says_so(poor, monkeypatch):
    solve_again = explain_module.effort_for

    class Unproven:
        def __init__(self, effort):
            self.effort = effort

        def solve(self, *args, **more):
            answer = self.effort.solve(*args, **more)
            return SimpleNamespace(proof=replace(answer.proof, bound=math.inf))

    monkeypatch.setattr(explain_module, "effort_for", lambda *args: Unproven(solve_again(*args)))
    found = explain_plan(poor)
    said = dict(found.binding)["Budget"]
    assert "inf" not in said
    assert "; no upper bound was proven in " in said
    assert found.figures["one_more_million"]["most_kwh_day"] is None


@pytest.mark.slow
def test_a_forbidden_and_an_impossible_place_say_so(folder, poor):
    town = poor.with_name("town") / "town.yaml"
    siting.run(town, [BROKE, "program.limits.forbidden_sites=[East pump]"], out=folder / "forbid")
    why = explain_site(folder / "forbid", "East pump", alternatives=0)
    assert "forbids a station here" in dict(why.reasons)["Why not"]
    assert why.offers["said"].str.contains("forbidden").all()
    siting.run(
        town,
        [BROKE, "offers.configurations.big={socket: 900}", "offers.headroom_kw=5"],
        out=folder / "power",
    )
    why = explain_site(folder / "power", "West pump", alternatives=0)
    assert why.offers["said"].str.startswith("ruled out: ").sum() == 1


@pytest.mark.slow
def test_a_wrong_id_names_the_nearest(poor):
    with pytest.raises(InputError) as caught:
        explain_site(poor, "s001")
    assert "'s001' is not a site; did you mean s0001, s0002?" in str(caught.value)
    with pytest.raises(InputError) as caught:
        explain_site(poor, "Weast pump")
    assert "West pump" in str(caught.value)
    with pytest.raises(InputError) as caught:
        explain_site(poor, "?")
    assert "site ids range from s0001 to s0002" in str(caught.value)


# --- all stations --------------------------------------------------------------------------------


@pytest.mark.slow
def test_stations_come_most_doubtful_first(rich):
    found = explain_plan(rich)
    assert found.stations["name"].tolist() == ["East pump", "West pump"]
    assert found.stations["marginal_kwh_day"].tolist() == pytest.approx([4, 8])
    assert found.stations["pkr_per_kwh_day"].tolist() == pytest.approx([250, 125])
    binding = dict(found.binding)
    assert "serve no more, which is proven" in binding["Budget"]
    assert found.figures["one_more_million"] == {"gain_kwh_day": 0.0, "most_kwh_day": 0.0}


@pytest.mark.slow
def test_what_binds_is_told_with_the_price_of_a_million(folder, poor):
    found = explain_plan(poor)
    assert found.figures["one_more_million"]["gain_kwh_day"] == pytest.approx(4)
    assert "would serve at least 4 kWh/day more" in dict(found.binding)["Budget"]
    one = ["program.limits.most_new_stations=1", "program.limits.required_sites=[East pump]"]
    siting.run(poor.with_name("town") / "town.yaml", [RICH, *one], out=folder / "one")
    binding = dict(explain_plan(folder / "one").binding)
    assert any(what.startswith("Limit") and "nothing more fits" in v for what, v in binding.items())
    assert binding["Required sites"]


@pytest.mark.slow
def test_an_empty_plan_has_no_stations_to_doubt(empty):
    found = explain_plan(empty)
    assert found.stations.empty
    assert dict(found.binding)["Stations"] == "the plan builds none"
    assert explain_site(empty, "s0001", alternatives=0).state == "not built"


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(0, 1, 8))
@pytest.mark.parametrize("model", ["capacitated", "coverage"])
def test_losses_and_next_best_are_those_of_whole_assignments(seed, model):
    instance = Instance.from_tables(*random_town(seed), COMPATIBILITY, 7.0)
    program = Program(instance, model)
    chosen = solve(program, gap=0.0, time_limit_s=10).offers
    marginal = Marginal(program, chosen)

    def served(offers):
        return float(assign(instance, offers, model)["served_kwh_day"].sum())

    assert marginal.value == pytest.approx(served(chosen), abs=1e-6)
    sites = [o.partition(":")[0] for o in chosen]
    for site, lost in lost_without(program, chosen, sites).items():
        rest = [o for o in chosen if not o.startswith(f"{site}:")]
        assert lost == pytest.approx(served(chosen) - served(rest), abs=1e-6)
        best = marginal.best_elsewhere(site)
        spent = instance.offer_subsidy[instance.positions_of(rest)].sum()
        standing = {o.partition(":")[0] for o in rest} | {site}
        worths = [
            served([*rest, o])
            for o, pkr in zip(instance.offer_ids, instance.offer_subsidy, strict=True)
            if o.partition(":")[0] not in standing and spent + pkr <= instance.budget_pkr
        ]
        most = max(worths, default=0.0)
        if most > served(rest) + 1e-6:
            assert best["value"].iloc[0] == pytest.approx(most, abs=1e-6)
        else:
            assert best.empty


# --- the verb ------------------------------------------------------------------------------------


def cli(*words):
    return CliRunner().invoke(app, ["explain", *map(str, words)])


@pytest.mark.slow
def test_the_verb_says_it_in_words_and_as_json(poor):
    shown = cli(poor, "West pump", "--alternatives", "0")
    assert shown.exit_code == 0
    assert "is built" in shown.output
    assert "Lost without it" in shown.output
    whole = cli(poor)
    assert whole.exit_code == 0
    assert "most doubtful" in whole.output
    facts = json.loads(cli(poor, "s0002", "--alternatives", "0", "--json").output)
    assert facts["site_id"] == "s0002"
    assert facts["reasons"]["Lost without it"].startswith("8 kWh/day")
    every = json.loads(cli(poor, "--json").output)
    assert pd.DataFrame(every["stations"])["marginal_kwh_day"].tolist() == pytest.approx([8])
    wrong = cli(poor, "s9")
    assert wrong.exit_code == 2


@pytest.mark.slow
def test_an_opened_run_answers_several_questions(rich):
    run = Explained(rich)
    assert explain_site(run, "west PUMP", alternatives=0).site_id == "s0002"
    assert run.name_of("s0002") == "s0002 (West pump)"
    assert run.left_pkr == 0
