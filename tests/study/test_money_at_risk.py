"""Money at risk: the hurdle, the opening year, and losses if fewer vehicles come.

A hub of `town` costs PKR 256,208 with its works, and PKR 140,050 a year to run, without design,
contingency, deposit and insurance. A kWh earns PKR 78.099. The present value of a rupee a year over
ten years at 15 % is 5.01877.
"""

import json

import numpy as np
import pytest
from town import LAT, LONS
from town import write_town as write_whole_town

import siting
from siting.config import load
from siting.demand import national_fleet
from siting.errors import ConfigError, InputError
from siting.review import compare, evaluate, frontier
from siting.study import Study, study_from_run
from siting.study.robustness import at_risk_in_words, lines_beside

FACTOR = (1 - 1.15**-10) / 0.15
MARGIN = 120 * 0.985 - 39.7 / 0.99
COST, RUNNING = 256_208 + 1 / 3, 140_050.0
GAP = "offers.subsidy={rule: gap, gap_cap_share: 1.0, hurdle: {sales_share: 0.7}}"

BARE = """\
  costs: {design_share: 0, contingency_share: 0, deposit_pkr_kw: 0, insurance_share: 0}
"""


def write_town(folder):
    """Write the town without the station costs that the sums in this module leave out."""
    town = write_whole_town(folder)
    town.write_text(town.read_text().replace("reach:", f"{BARE}reach:"), encoding="utf-8")
    return town


def npv(kwh_day, sales_path=(1.0,)):
    """Return the NPV (PKR) of a hub that sells `kwh_day` in the target year."""
    share = [*sales_path, *[sales_path[-1]] * 10][:10]
    flows = 365 * MARGIN * kwh_day * np.array(share) - RUNNING
    return float(flows @ 1.15 ** -np.arange(1.0, 11.0)) - COST


# --- the hurdle ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_public_money_pays_until_a_station_breaks_even_at_its_hurdle(tmp_path):
    town = write_town(tmp_path)
    plan = siting.run(town, [GAP, "program.budget_pkr=200_000"])
    # The western hub sells 8 kWh/day. At the hurdle, 5.6 kWh/day, the hub lacks 157,921. The
    # eastern hub sells 4 kWh/day and cannot pass the hurdle.
    assert plan.outcome.subsidy_pkr == pytest.approx(-npv(0.7 * 8), abs=1)
    business = plan.tables["business"].iloc[0]
    assert business["lacking_pkr"] == pytest.approx(-npv(0.7 * 8), abs=1)
    assert business["npv_pkr"] == pytest.approx(npv(8), abs=1)
    assert plan.money["stations_without_need"] == 0
    assert plan.money["subsidy_beyond_need_pkr"] == pytest.approx(0, abs=1)
    own, other, *_ = plan.facts["what_if"]
    assert own["money"]["below_npv_0"] == 0
    # Under the other capacity rule the hub sells 0.49, so its subsidy is paid to a failing station.
    sold = other["served_kwh_day"]
    assert other["money"] == {
        "stations": 1,
        "below_npv_0": 1,
        "subsidy_below_npv_0_pkr": pytest.approx(plan.outcome.subsidy_pkr),
        "losing": 1,
        "loss_pkr_year": pytest.approx(RUNNING - 365 * MARGIN * sold, abs=1),
        "npv_subsidised_pkr": pytest.approx(npv(sold) + plan.outcome.subsidy_pkr, abs=1),
    }
    # Break-even values include the hurdle exactly once: the sales just meet the hurdle.
    told = plan.facts["break_evens"]
    sales = next(row for row in told if row["figure"] == "sales")
    assert npv(0.7 * 8 * sales["no_money_at"]) == pytest.approx(0, abs=1)
    # Swings are computed at the sales of the plan.
    moved = {(row["of"], row["figure"]): row for row in plan.facts["figure_swings"]}
    lease = moved["land_bay_month", "site costs"]
    assert lease["low_pkr"] == pytest.approx(12 * 10_000 * FACTOR, abs=1)


@pytest.mark.slow
def test_without_a_word_a_station_must_break_even_at_seven_tenths_or_at_the_return(tmp_path):
    town = write_town(tmp_path)

    def need(hurdle):
        rule = f"offers.subsidy={{rule: gap, gap_cap_share: 1.0, hurdle: {hurdle}}}"
        return Study(town, [rule]).asked.need

    assert need("{}").rule.sales_share == 0.7
    assert need("{real_return: 0.15}").rule.sales_share == 1.0
    # A higher return changes the need and the worth of a kWh. A sales share changes neither.
    plain, dear = need("{sales_share: 1}"), need("{real_return: 0.25}")
    new = ~plain.offers["existing"]
    assert (dear.offers["cost_pkr"][new] < plain.offers["cost_pkr"][new]).all()
    assert dear.rule.margin_pkr["two_wheeler"] < plain.rule.margin_pkr["two_wheeler"]
    assert need("{}").rule.margin_pkr == plain.rule.margin_pkr


@pytest.mark.slow
def test_a_hurdle_that_no_station_can_pass_is_named_with_what_the_best_can(tmp_path):
    town = write_town(tmp_path)
    hard = GAP.replace("0.7", "0.4")
    with pytest.raises(
        InputError, match=r"hurdle.sales_share: is 0.4, which no station can pass"
    ) as e:
        Study(town, [hard]).program  # noqa: B018
    # A sold-out hub sells 10 kWh/day: (959,087 - 256,208) / 1,430,662.
    assert "set at least 49.1%, at which the best offer breaks even" in str(e.value)
    Study(town, [GAP.replace("0.7", "0.5")]).program  # noqa: B018
    dear = "offers.subsidy={rule: gap, gap_cap_share: 0.5, hurdle: {real_return: 0.9}}"
    cheap = "offers.costs.land_bay_month_pkr=18_000"
    with pytest.raises(InputError, match=r"hurdle.real_return: is 0.9, which no station can pass"):
        Study(town, [dear, cheap]).program  # noqa: B018
    with pytest.raises(ConfigError, match=r"hurdle.sales_share: 1.2 is greater"):
        load(town, ["offers.subsidy.hurdle.sales_share=1.2"])


# --- the opening year ----------------------------------------------------------------------------


@pytest.fixture
def growing(tmp_path):
    """Return the town with 3, 6, 9 and 12 vehicles in the years from 2027."""
    town = write_town(tmp_path)
    with (tmp_path / "fleet.csv").open("a", encoding="utf-8") as fleet:
        for year, n in ((2027, 3), (2028, 6), (2029, 9)):
            fleet.write(f"{year},two_wheeler,{n},{n},{n},by hand,ASSUMPTION\n")
    return town


@pytest.mark.slow
def test_sales_follow_the_fleet_from_the_opening_year(growing):
    path = Study(growing, ["money.opening_year=2028"]).business_rules.sales_path
    assert path == pytest.approx((0.5, 0.75, 1.0))
    # Without an opening year, stations open evenly from 2027 to 2030.
    assert Study(growing).business_rules.sales_path == pytest.approx((0.625, 0.8125, 0.9375, 1.0))
    assert Study(growing, ["money.sales_path=[0.1, 1]"]).business_rules.sales_path == (0.1, 1.0)
    years = "program.years={budgets_pkr: {2029: 1e5, 2030: 1e5}}"
    assert Study(growing, [years]).business_rules.sales_path == (1.0,)
    plan = siting.run(growing, ["money.opening_year=2028"])
    found = plan.tables["business"].set_index("site_id")["npv_pkr"]
    assert found["s0002"] == pytest.approx(npv(8, (0.5, 0.75, 1.0)), abs=1)


def test_no_year_before_a_fleet_of_the_user_s_own(tmp_path):
    town = write_town(tmp_path)
    assert Study(town).business_rules.sales_path == (1.0,)
    with pytest.raises(InputError, match=r"fleet.csv, column year: covers 2030 to 2030, not 2028"):
        Study(town, ["money.opening_year=2028"]).business_rules  # noqa: B018


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["money.opening_year=2031"], r"money.opening_year: is 2031, after the target year 2030"),
        (
            ["money.opening_year=2029", "program.years={budgets_pkr: {2030: 1e5}}"],
            r"money.opening_year: cannot be combined with program.years",
        ),
        (
            ["money.opening_year=2029", "money.sales_path=[0.5, 1]"],
            r"money.opening_year: cannot be combined with money.sales_path",
        ),
        (["money.first_year_share=0.67"], r"money.first_year_share: no longer exists"),
        (["money.full_after_years=4"], r"money.full_after_years: no longer exists"),
    ],
)
def test_an_opening_year_that_cannot_be_is_named(tmp_path, keys, message):
    with pytest.raises(ConfigError, match=message):
        load(write_town(tmp_path), keys)


# --- money at risk -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slower(tmp_path_factory):
    """Return the town with the fleet model's growth, 12 vehicles in 2030, and a run of it."""
    folder = tmp_path_factory.mktemp("risk")
    town = write_town(folder / "town")
    whole = float(national_fleet(2030).set_index("vehicle_class")["vehicles"]["two_wheeler"])
    text = town.read_text().replace("  fleet_csv: fleet.csv\n", "")
    text = text.replace("{two_wheeler: 1}", f"{{two_wheeler: {12 / whole!r}}}")
    town.write_text(text)
    keys = [GAP, "program.budget_pkr=400_000", "offers.costs.land_bay_month_pkr=4_000"]
    plan = siting.run(town, keys, out=folder / "run")
    return town, keys, plan, folder / "run"


@pytest.mark.slow
def test_the_built_plan_s_money_is_valued_under_the_slow_fleet(slower):
    _, _, plan, folder = slower
    slow = next(row for row in plan.facts["what_if"] if row["key"] == "scenario slow")
    other = study_from_run(folder).in_other(scenario="slow")
    share = slow["demand_kwh_day"] / 12
    assert 0 < share < 0.9
    assert slow["served_share"] == pytest.approx(1)
    below = losing = paid = lost = 0.0
    for site in plan.tables["business"].itertuples():
        sold = share * {"s0002": 8, "s0001": 4}[site.site_id]
        running = site.om_pkr_year + site.land_pkr_year + site.annual_fee_pkr
        net = 365 * MARGIN * sold - running
        flows = 365 * MARGIN * sold * np.ones(10)
        path = other.business_rules.sales_path
        flows[: len(path)] *= path
        worth = float((flows - running) @ 1.15 ** -np.arange(1.0, 11.0)) - site.cost_pkr
        if worth + site.subsidy_pkr < 0:
            below, paid = below + 1, paid + site.subsidy_pkr
        if net < 0:
            losing, lost = losing + 1, lost - net
    assert len(plan.tables["business"]) == 2
    assert below > 0
    assert slow["money"]["below_npv_0"] == below
    assert slow["money"]["subsidy_below_npv_0_pkr"] == pytest.approx(paid, abs=1)
    assert slow["money"]["losing"] == losing
    assert slow["money"]["loss_pkr_year"] == pytest.approx(lost, abs=1)


@pytest.mark.slow
@pytest.mark.slow
def test_it_is_told_wherever_served_is(slower):
    town, keys, plan, folder = slower
    slow = next(row for row in plan.facts["what_if"] if row["key"] == "scenario slow")["money"]
    words = f"scenario slow: {at_risk_in_words(slow)}"
    assert words in dict(plan.headline())["Money at risk"]
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert words in facts["headline"]["money_at_risk"]["text"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "a negative NPV and receive" in page
    assert "New stations with NPV below 0" in page
    lost = slow["subsidy_below_npv_0_pkr"]
    theirs = town.parent / "theirs.csv"
    theirs.write_text(
        f"lon,lat,name,configuration\n{LONS[1]},{LAT},west,hub\n{LONS[-2]},{LAT},east,hub\n"
    )
    score = evaluate(Study(town, keys), theirs).scores["theirs"]
    assert score["risk_case"] == "scenario slow"
    assert (score["risk_stations"], score["risk_subsidy_pkr"]) == (
        slow["below_npv_0"],
        pytest.approx(lost, rel=1e-6),
    )
    table = frontier(Study(town, keys), [0.0, 400_000.0])
    assert table["risk_case"].unique().tolist() == ["scenario slow"]
    assert table["risk_subsidy_pkr"].iloc[-1] == pytest.approx(lost, rel=1e-6)
    poor = siting.run(town, [*keys, "program.budget_pkr=0"], out=town.parent / "poor")
    assert poor.outcome.subsidy_pkr == 0
    figures = compare([folder, town.parent / "poor"]).figures.set_index("figure")
    assert figures.loc["below_npv_0_slow_stations", "run"] == slow["below_npv_0"]
    assert figures.loc["at_risk_slow_pkr", ["run", "poor"]].tolist() == [pytest.approx(lost), 0.0]


# --- two shares served on one page ---------------------------------------------------------------


@pytest.mark.slow
def test_the_share_of_all_drivers_comes_first_and_the_money_s_figure_is_named(slower):
    _, _, plan, folder = slower
    told = dict(plan.headline())
    labels = list(told)
    day = plan.facts["day"]["free"]
    away, turned = day["out_of_reach_share"], day["turned_away_share"]
    assert day["served_share"] == pytest.approx((1 - away) * (1 - turned))
    assert labels.index("Drivers served") < labels.index("Energy served")
    # A socket has the energy for more drivers than its queue keeps, so the two shares differ.
    assert abs(day["served_share"] - plan.served_share) > 0.05
    assert "the share of energy served in the plan (100.0%)" in told["Basis of the subsidies"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Business cases are based on the share of energy served in the plan" in page
    near = study_from_run(folder)
    agreed = {**near.day, "free": {**near.day["free"], "served_share": plan.served_share - 0.04}}
    fields = [one.field for one in lines_beside(near.with_stages({"day": agreed}))]
    assert "drivers_served" in fields
    assert "money_hangs_on" not in fields


# --- concessions ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exact", "milp"])
def test_what_a_concession_s_good_station_earns_carries_its_poor_one(tmp_path, method):
    # The western hub earns 426,339 more than its need. The eastern hub lacks 145,923.
    town = write_town(tmp_path)
    rule = "offers.subsidy={rule: gap, gap_cap_share: 1.0, hurdle: {sales_share: 1}"
    keys = ["offers.costs.land_bay_month_pkr=6_000", "program.budget_pkr=0"]
    keys.append(f"solver.method={method}")
    alone = siting.run(town, [f"{rule}}}", *keys])
    assert alone.sites["site_id"].tolist() == ["s0002"]
    lot = "concessions: {sites: {north: [West pump, s0001]}}"
    bundled = siting.run(town, [f"{rule}, {lot}}}", *keys])
    assert sorted(bundled.sites["site_id"]) == ["s0001", "s0002"]
    assert bundled.outcome.subsidy_pkr == 0
    assert bundled.served_share == 1
    row = bundled.tables["concessions"].iloc[0]
    assert (row["concession"], row["stations"], row["subsidy_pkr"]) == ("north", 2, 0)
    case = bundled.tables["business"]
    assert row["npv_pkr"] == pytest.approx(case["npv_pkr"].sum())
    assert row["lacking_pkr"] == pytest.approx(case["lacking_pkr"].sum())
    assert case["npv_pkr"].min() < 0 < row["npv_pkr"]
    # The money at risk is computed for the concession as a whole, too.
    assert bundled.facts["what_if"][0]["money"]["below_npv_0"] == 0
    assert "2 new stations" in dict(bundled.headline())["Concession north"]


@pytest.mark.slow
def test_members_are_named_by_a_column_of_the_layer_too(tmp_path):
    town = write_town(tmp_path)
    sites = (tmp_path / "sites.csv").read_text().splitlines()
    lots = ["operator", "PSO", ""]
    text = "\n".join(f"{line},{lot}" for line, lot in zip(sites, lots, strict=True))
    (tmp_path / "sites.csv").write_text(text + "\n")
    rule = "offers.subsidy={{rule: gap, concessions: {}}}"
    assert Study(town, [rule.format("{column: operator}")]).concessions == {"s0002": "PSO"}
    with pytest.raises(InputError, match=r"column: no layer of sites has a column .owner."):
        Study(town, [rule.format("{column: owner}")]).concessions  # noqa: B018
    with pytest.raises(InputError, match=r"sites.north: s0002 is already in concession PSO"):
        Study(town, [rule.format("{column: operator, sites: {north: [s0002]}}")]).asked  # noqa: B018


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["offers.subsidy={rule: gap, concessions: {sites: {north: []}}}"],
         r"concessions.sites.north: has no site"),
        (["offers.subsidy={rule: gap, concessions: {}}"], r"concessions: names no concession"),
        (["offers.subsidy={rule: share, concessions: {sites: {north: [s0001]}}}"],
         r"offers.subsidy.concessions: cannot be combined with offers.subsidy.rule: share"),
        (["offers.subsidy={rule: gap, concessions: {sites: {north: [s0001]}}}",
          "program.years={budgets_pkr: {2030: 1e5}}"],
         r"offers.subsidy.concessions: cannot be combined with program.years"),
    ],
)  # fmt: skip
def test_a_concession_that_cannot_be_is_named(tmp_path, keys, message):
    with pytest.raises(ConfigError, match=message):
        load(write_town(tmp_path), keys)


@pytest.mark.slow
def test_a_concession_where_nothing_can_be_built_is_named(tmp_path):
    town = write_town(tmp_path)
    lots = "{north: [s0001], south: [s0002]}"
    study = Study(town, [f"offers.subsidy={{rule: gap, concessions: {{sites: {lots}}}}}"])
    offers = study.offers.copy()
    offers.loc[offers["site_id"] == "s0002", "reason"] = "no room"
    with pytest.raises(InputError, match=r"no new station could be built at .*\(south\)"):
        study.with_stages({"offers": offers}).asked  # noqa: B018
    # Some, but not all, names in the column may have no site for a new station.
    by_name = Study(town, ["offers.subsidy={rule: gap, concessions: {column: name}}"])
    assert by_name.with_stages({"offers": offers}).concessions["s0001"] == "East pump"
    offers["reason"] = "no room"
    with pytest.raises(InputError, match=r"column: column 'name' names no concession where"):
        by_name.with_stages({"offers": offers}).concessions  # noqa: B018
    with pytest.raises(InputError, match=r"sites.north: 'Nowhere' is not a site"):
        Study(town, ["offers.subsidy={rule: gap, concessions: {sites: {north: [Nowhere]}}}"]).asked  # noqa: B018
