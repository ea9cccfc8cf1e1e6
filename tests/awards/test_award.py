"""Awards of the town solved by hand: what is read, refused, written, printed and verified."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from browser import in_chromium
from conftest import seeds
from town import LAT, LONS, write_town
from typer.testing import CliRunner

import siting
from siting.awards.award import _asks, _awarded
from siting.awards.bids import bidding_of
from siting.cli import app
from siting.errors import ConfigError, InputError
from siting.review import replan, verify_run
from siting.review.awarded import award_account
from siting.verify import award_faults

WEST, EAST = LONS[1], LONS[-2]
HEAD = "bid,bidder,lon,lat,chargers,ask_pkr,rent_pkr,one_of,year\n"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return write_town(tmp_path_factory.mktemp("award") / "town")


def write(folder, *lines, head=HEAD):
    path = folder / "bids.csv"
    path.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def bid(name, bidder, lon, ask, *, rent="", one_of="", year="", chargers="1 x socket"):
    return f"{name},{bidder},{lon},{LAT},{chargers},{ask},{rent},{one_of},{year}"


def asks(made):
    table = pd.concat([made.winners, made.losers]).set_index("bid")
    assert table["proven"].all()
    return table["critical_high_pkr"].to_dict()


# --- what is awarded ------------------------------------------------------------------------------


def test_two_bids_for_one_place_and_one_for_another(town, tmp_path):
    # Money for one only: the west serves 8 kWh/day, the east 4.
    bids = write(tmp_path, bid("a", "X", WEST, 500), bid("b", "Y", WEST, 700),
                 bid("c", "Z", EAST, 300))  # fmt: skip
    made = siting.award(town, bids, ["program.budget_pkr=750"])
    assert made.winners["bid"].tolist() == ["a"]
    assert made.winners["adds"].tolist() == pytest.approx([8.0])
    # b would have won below a's 500; c is never as good as the west, so all that is left beside it.
    assert asks(made) == {"a": 700, "b": 500, "c": 250}
    assert made.payments.set_index("rule")["high_pkr"].to_dict() == {
        "pay as bid": 500, "pay the critical ask": 700, "rents paid": 0,
    }  # fmt: skip
    assert "asked PKR 200 too much" in made.losers.set_index("bid").loc["b", "why"]


@pytest.mark.slow
def test_one_bid_that_wins_has_no_loser_beside_it(town, tmp_path):
    made = siting.award(town, write(tmp_path, bid("a", "X", WEST, 500)), ["program.budget_pkr=750"])
    # Without him nothing is served: he wins up to his reserve price or all the money.
    assert asks(made) == {"a": 750}
    assert len(made.losers) == 0


@pytest.mark.slow
def test_a_study_and_a_table_say_the_same_as_files(town, tmp_path):
    path = write(tmp_path, bid("a", "X", WEST, 500), bid("c", "Z", EAST, 600))
    study = siting.Study(town, ["program.budget_pkr=750"])
    one = siting.award(town, path, ["program.budget_pkr=750"])
    two = study.award(pd.read_csv(path))
    pd.testing.assert_frame_equal(one.losers, two.losers)
    assert "c" in repr(two)
    assert "<table>" in two._repr_html_()


@pytest.mark.slow
def test_of_a_bundle_all_or_none_and_of_alternatives_one(town, tmp_path):
    both = [bid("ab", "X", WEST, 300), bid("ab", "X", EAST, 300)]
    single = bid("c", "Y", EAST, 100)
    made = siting.award(town, write(tmp_path, *both, single), ["program.budget_pkr=650"])
    assert made.winners["bid"].tolist() == ["ab"]
    assert made.winners["places"].tolist() == [2]
    # Two alone serve as much for less.
    lines = [*both, single, bid("d", "Z", WEST, 400)]
    made = siting.award(town, write(tmp_path, *lines), ["program.budget_pkr=650"])
    assert sorted(made.winners["bid"]) == ["c", "d"]
    assert asks(made)["ab"] == 500
    lines = [bid("w", "X", WEST, 300, one_of="1"), bid("e", "X", EAST, 100, one_of="1")]
    made = siting.award(town, write(tmp_path, *lines), ["program.budget_pkr=5000"])
    assert made.winners["bid"].tolist() == ["w"]
    assert asks(made)["e"] == -1  # never as good as the west
    assert made.losers["why"].iloc[0].startswith("no ask")


@pytest.mark.slow
@pytest.mark.parametrize(
    "cap",
    ["{column: bidder, stations: 1}", "{column: bidder, pkr: 350}",
     "{column: bidder, value: X, budget_share: 0.5}", "{column: zone, stations: 1}"],
)  # fmt: skip
def test_a_cap_holds_for_bidder_money_and_zone(town, tmp_path, cap):
    lines = [bid("w", "X", WEST, 300), bid("e", "X", EAST, 100)]
    keys = ["program.budget_pkr=700", f"award.caps={{mine: {cap}}}"]
    if "zone" in cap:
        keys.append("program.zones={kind: grid, size_m: 100000}")
    made = siting.award(town, write(tmp_path, *lines), keys)
    assert made.winners["bid"].tolist() == ["w"]


@pytest.mark.slow
def test_an_ask_above_the_reserve_price_cannot_win_and_hears_at_what_it_could(town, tmp_path):
    lines = [bid("w", "X", WEST, 900), bid("e", "Y", EAST, 100)]
    keys = ["program.budget_pkr=2000", "award.reserve_pkr_kw=1200"]  # 500 for a socket
    made = siting.award(town, write(tmp_path, *lines), keys)
    assert made.winners["bid"].tolist() == ["e"]
    assert "reserve price of PKR 500" in made.losers["why"].iloc[0]
    assert asks(made)["w"] == 500


@pytest.mark.slow
def test_of_bids_as_good_the_higher_rent_then_the_earlier_line_wins(town, tmp_path):
    lines = [bid("low", "X", WEST, "", rent=10), bid("high", "Y", WEST, "", rent=50)]
    made = siting.award(town, write(tmp_path, *lines))
    assert made.winners["bid"].tolist() == ["high"]
    assert made.payments.set_index("rule").loc["rents paid", "low_pkr"] == 50
    lines = [bid("one", "X", WEST, 200), bid("two", "Y", WEST, 200)]
    made = siting.award(town, write(tmp_path, *lines))
    assert made.winners["bid"].tolist() == ["one"]


@pytest.mark.slow
def test_a_bid_opens_in_its_year_on_the_money_of_that_year(town, tmp_path):
    lines = [bid("now", "X", WEST, 300, year=2028), bid("then", "Y", WEST, 100, year=2030)]
    years = "program.years={budgets_pkr: {2028: 400, 2030: 150}}"
    fleet = (town.parent / "fleet.csv").read_text()
    wider = tmp_path / "fleet.csv"
    wider.write_text(fleet + fleet.splitlines()[1].replace("2030", "2028", 1) + "\n")
    made = siting.award(town, write(tmp_path, *lines), [years, f"demand.fleet_csv={wider}"])
    assert made.winners["bid"].tolist() == ["now"]
    built = made.plan.outcome.built
    assert set(built["year"]) == {2028, 2030}
    assert asks(made)["now"] == 400


# --- against every set of bids --------------------------------------------------------------------

SERVES = {"w": 8, "e": 4}
CAPS = [None, ("stations", 1), ("pkr", 40), ("budget_share", 0.5)]


def drawn(seed):
    """Return some bids (name, bidder, places, sockets, ask, rent, one_of), money and a cap."""
    rng = np.random.default_rng(seed)
    money, bids, taken = int(rng.integers(30, 120)), [], set()
    while len(bids) < 6:
        places = ("w", "e", "we")[rng.choice(3, p=[0.4, 0.35, 0.25])]
        one = ("XYZ"[rng.integers(3)], places, int(rng.integers(1, 3)))
        if one in taken:
            continue
        taken.add(one)
        ask, rent = int(rng.integers(1, min(60, money))), 0
        if rng.random() < 0.25:
            ask, rent = 0, int(rng.integers(1, 50))
        bids.append((f"b{len(bids)}", *one, ask, rent, "1" if rng.random() < 0.3 else ""))
    return bids, money, CAPS[rng.integers(len(CAPS))]


def lines_of(bids):
    return [
        bid(name, bidder, WEST if place == "w" else EAST, ask if n == 0 else 0,
            rent=rent if n == 0 and rent else "", one_of=one_of, chargers=f"{sockets} x socket")
        for name, bidder, places, sockets, ask, rent, one_of in bids
        for n, place in enumerate(places)
    ]  # fmt: skip


def best_sets(bids, money, cap):
    """Return the worth, and of all sets of bids those that win by the stated rule, ties and all."""
    best = {}
    for size in range(len(bids) + 1):
        for some in combinations(bids, size):
            places = "".join(b[2] for b in some)
            paid = sum(b[4] for b in some)
            groups = Counter((b[1], b[6]) for b in some if b[6])
            fits = paid <= money and len(set(places)) == len(places)
            fits &= max(groups.values(), default=0) <= 1
            for bidder in {b[1] for b in some} if cap else ():
                own = [b for b in some if b[1] == bidder]
                if cap[0] == "stations":
                    fits &= sum(len(b[2]) for b in own) <= cap[1]
                else:
                    most = cap[1] * (money if cap[0] == "budget_share" else 1)
                    fits &= sum(b[4] for b in own) <= most
            if fits:
                cost = sum(b[3] * len(b[2]) for b in some)
                rank = (-sum(SERVES[p] for p in places), paid, cost)
                best.setdefault(rank[:2], []).append((cost, {b[0] for b in some}))
    worth, paid = min(best)
    ties = best[worth, paid]
    return -worth, [names for _, names in ties], [n for c, n in ties if c == min(ties)[0]]


def critical_of(bids, at, money, cap):
    """Return the largest ask at which a bid is in a set as good as any; -1: none."""
    asks = [
        a for a in range(money + 1)
        if any(bids[at][0] in names for names in best_sets(
            [*bids[:at], (*bids[at][:4], a, *bids[at][5:]), *bids[at + 1:]], money, cap)[1])
    ]  # fmt: skip
    return max(asks, default=-1)


def awarded(study, folder, bids, *, asked=True):
    """Return the worth of the best award of bids, its winners, and all critical asks."""
    path = write(folder, *lines_of(bids))
    bidding = bidding_of(study, path, gap=0.0, time_limit_s=None, progress=None)
    bidding, market = _awarded(bidding, 60.0)
    outcome = bidding.study.outcome
    won = {b for b, bid in bidding.bids.items() if bid.offers[0] in set(outcome.offers)}
    found = _asks(bidding, market, 60.0, None, winners=True) if asked else {}
    assert all(ask.proven for ask in found.values())
    return outcome.proof.objective, won, {b: ask.high_pkr for b, ask in found.items()}


@pytest.mark.parametrize("seed", seeds(0, 0, 6))
def test_a_file_of_bids_equals_every_set_of_them(town, tmp_path, seed):
    bids, money, cap = drawn(seed)
    keys = [f"award.caps={{mine: {{column: bidder, {cap[0]}: {cap[1]}}}}}"] if cap else []
    study = siting.Study(town, [f"program.budget_pkr={money}", *keys])
    best, won, found = awarded(study, tmp_path, bids)
    worth, _, sets = best_sets(bids, money, cap)
    assert won in sets
    assert best == pytest.approx(worth, abs=1e-6)
    for n, one in enumerate(bids):
        name, most, others = one[0], found[one[0]], [*bids[:n], *bids[n + 1 :]]
        assert most == critical_of(bids, n, money, cap), name
        if name in won or one[5]:
            continue
        for ask, wins in ((most - 1, True), (most + 1, False)):
            if 0 <= ask <= money:
                changed = [*bids[:n], (*one[:4], ask, *one[5:]), *bids[n + 1 :]]
                assert (name in awarded(study, tmp_path, changed, asked=False)[1]) == wins
        if most < 0:  # it could win at no ask: without it the award and all losers are as they were
            bare, still, asks_ = awarded(study, tmp_path, others)
            assert (bare, still) == (pytest.approx(best), won)
            assert all(asks_[b] == found[b] for b in asks_ if b not in won)
    richer = siting.Study(town, [f"program.budget_pkr={2 * money}", *keys])
    assert awarded(richer, tmp_path, bids, asked=False)[0] >= worth - 1e-6


# --- what is refused ------------------------------------------------------------------------------


def test_every_fault_is_told_by_its_line_at_once(town, tmp_path):
    lines = [
        bid("a", "X", WEST, 500), bid("a2", "X", WEST, 400),  # twice
        bid("b", "Y", EAST, ""),  # no price
        bid("c", "Z", 74.9, 100),  # outside the study
        bid("d", "Z", LAT, 100),  # swapped
        bid("e", "V", WEST, 3000), bid("e", "V", EAST, 3000),  # a bundle over the budget
        bid("f", "V", WEST, "many"), bid("g", "V", WEST, 100, chargers="2 x nothing"),
        bid("h", "", WEST, 100), bid("i", "U", EAST, 100, year=2031),
        bid("j", "U", WEST, 10, rent=10),
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        siting.award(town, write(tmp_path, *lines))
    told = {fault.what: fault.ids for fault in caught.value.faults}
    said = str(caught.value)
    for what, ids in (
        ("bids of one bidder for the same place", ("line 2", "line 3")),
        ("bids without a price", ("line 4",)),
        ("outside the study area", ("line 5",)),
        ("outside Pakistan", ("line 6",)),
        ("asks for more than the whole budget", ("line 7", "line 8")),
        ("not an amount of PKR 0 or more", ("line 9",)),
        ("no charger or configuration 'nothing'", ("line 10",)),
        ("blank", ("line 11",)),
        ("opens in a year outside the plan", ("line 12",)),
        ("asks for money and pays a rent", ("line 13",)),
    ):
        assert any(text.startswith(what) and lines_ == ids for text, lines_ in told.items()), what
    assert "bids.csv" in said


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (["program.fairness=max_min", "program.zones={kind: grid}"], "program.fairness"),
        (["program.least_gain={rule: always}"], "program.least_gain.rule"),
        (["solver.method=greedy"], "solver.method"),
        (["award.caps={a: {column: bidder, value: nobody, pkr: 1}}"], "no bid has 'nobody'"),
        (["award.caps={a: {column: zone, pkr: 1}}"], "no zones to cap"),
        (["award.caps={a: {column: province, pkr: 1}}"], "province"),
    ],
)
def test_what_an_award_cannot_answer_is_refused_by_key(town, tmp_path, keys, what):
    path = write(tmp_path, bid("a", "X", WEST, 500))
    with pytest.raises((ConfigError, InputError), match=what):
        siting.award(town, path, keys)


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_rupee_decides_between_asks_of_millions(town, tmp_path):
    # The dearer bid has the lower id, which decides between asks that are the same.
    many = "120 x socket"
    dear = bid("a", "X", WEST, 5_000_001, chargers=many)
    cheap = bid("b", "Y", WEST, 5_000_000, chargers=many)
    lines = [dear, cheap]
    made = siting.award(
        town, write(tmp_path, *lines), ["program.budget_pkr=6_000_000", "offers.costs.site_bays=40"]
    )
    assert made.winners["bid"].tolist() == ["b"]
    assert asks(made) == {"a": 5_000_000, "b": 5_000_001}


@pytest.fixture(scope="module")
def folder(town, tmp_path_factory):
    place = tmp_path_factory.mktemp("written")
    lines = [bid("a", "X", WEST, 500), bid("b", "Y", WEST, 700), bid("c", "Z", EAST, 300)]
    made = siting.award(town, write(place, *lines), ["program.budget_pkr=1_100"], out=place / "run")
    assert made.folder == place / "run"
    return made.folder


@pytest.mark.slow
def test_the_folder_holds_and_shows_an_edited_ask(folder, tmp_path):
    names = {path.name for path in folder.iterdir()}
    tables = {"bids.csv", "winners.csv", "losers.csv", "payments.csv"}
    assert {*tables, "winners.geojson", "award.html"} <= names
    assert pd.read_csv(folder / "winners.csv")["bid"].tolist() == ["a", "c"]
    assert len(gpd.read_file(folder / "losers.geojson")) == 1
    facts = json.loads((folder / "run.json").read_text())
    assert facts["award"]["bids"] == "bids.csv"
    found = verify_run(folder)
    assert found.faults == []
    again = siting.plan_from_run(folder)
    assert again.outcome.subsidy_pkr == 800


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("winners.csv", "a,X,", "b,X,", "bids of the file are in neither table (a)"),
        ("losers.csv", ",700,0,", ",600,0,", "sum differs from the file of bids (b)"),
        ("payments.csv", "pay as bid,800", "pay as bid,700", "winners.csv adds up to 800"),
        ("bids.csv", ",300,", ",400,", "draw another amount than the ask in the file of bids (c)"),
    ],
)
def test_an_edited_award_is_told_in_words(folder, tmp_path, name, old, new, said):
    copy = shutil.copytree(folder, tmp_path / "run")
    text = (copy / name).read_text(encoding="utf-8")
    assert old in text, text
    (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    faults = award_faults(award_account(siting.study_from_run(folder), copy))
    assert any(said in str(fault) for fault in faults), [*map(str, faults)]


@pytest.mark.slow
def test_a_cap_of_zones_is_recounted(town, tmp_path):
    bids = write(tmp_path, bid("w", "X", WEST, 300), bid("e", "X", EAST, 100))
    keys = ["program.zones={kind: grid, size_m: 100000}",
            "award.caps={mine: {column: zone, stations: 1}}"]  # fmt: skip
    made = siting.award(town, bids, keys, out=tmp_path / "run")
    account = award_account(siting.study_from_run(made.folder), made.folder)
    assert award_faults(account) == []
    (fault,) = award_faults(replace(account, stands=account.offers["offer_id"].tolist()))[-1:]
    assert "wins 2 stations, but at most 1 may be won" in str(fault)


@in_chromium
def test_the_page_shows_winners_losers_and_the_money(folder, opened):
    page = opened(folder / "award.html")
    assert "2 of 3 bids win" in page.text("p >> nth=0")
    assert page.count("g.won") == 2
    assert page.count("g.lost") == 1
    assert page.count("script") == 0
    assert "pay the critical ask" in page.text("table >> nth=0")
    assert "Lost by (PKR)" in page.text("table >> nth=2")
    assert "700 500 200" in page.text("table >> nth=2")
    assert page.ask("document.documentElement.scrollWidth") <= page.ask("window.innerWidth")
    assert page.asked == [(folder / "award.html").as_uri()]


@pytest.mark.slow
def test_answers_change_the_award_as_little_as_can_be(folder, tmp_path):
    answers = tmp_path / "answers.csv"
    answers.write_text("bid,answer,kw,pkr\na,withdrawn,,\nc,sanctioned,60,\n")
    found = replan(folder, answers=answers, out=tmp_path / "next")
    changes = found.changes.set_index("change")["subsidy_pkr_after"].to_dict()
    assert found.after.outcome.subsidy_pkr == 1000  # b for a; c stays
    assert set(changes) <= {"changed in kind", "built", "not built any more"}
    offers = set(found.after.outcome.offers)
    assert {offer.split(":")[1] for offer in offers} == {"b", "c"}
    assert "1 stations stay as they were" in " ".join(found.notes)
    assert verify_run(tmp_path / "next").faults == []


@pytest.mark.slow
def test_the_terminal_tells_it_in_eighty_columns(town, tmp_path):
    path = write(tmp_path, bid("a", "X", WEST, 500), bid("b", "Y", WEST, 700))
    given = [
        "award",
        str(town),
        "--bids",
        str(path),
        "--budget",
        "750",
        "--out",
        str(tmp_path / "o"),
    ]
    ran = CliRunner().invoke(app, given, env={"COLUMNS": "80"})
    assert ran.exit_code == 0, ran.output
    assert "1 of 2 bids win" in ran.output
    assert "pay the critical ask" in ran.output
    assert max(map(len, ran.output.splitlines()[:-1])) <= 80 or "Written to" in ran.output
    bad = CliRunner().invoke(app, [*given[:3], str(tmp_path / "none.csv")])
    assert bad.exit_code == 2
    assert "no such file" in bad.output
