"""Award bids: choose the winners, and compute what each is paid and how much value it adds."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.awards.asks import NO_ASK, SAME, Ask, Bid, Market
from siting.awards.award_page import NOT_IN_TIME, TOO_MUCH, Award, between, page_of
from siting.awards.bids import Bidding, bidding_of
from siting.config import Config
from siting.engine.fixed import proven
from siting.engine.solvers import HIGHS
from siting.errors import SitingError
from siting.export import with_units, write_csv, write_geojson
from siting.files import sha256
from siting.plan import Plan
from siting.program.program import Program
from siting.review.awarded import AWARD, BIDS, PAGE
from siting.study.facts import folder_for, with_facts
from siting.study.outcome_figures import decide
from siting.study.pipeline import Study
from siting.study.python_inputs import in_words, lay_down
from siting.study.runs import write_run
from siting.study.stages import Report
from siting.study.stored_run import Source, study_of
from siting.tables import capacity_columns
from siting.writing import write_text

TIES = (
    "ties: the highest worth, then the least public money, then the lowest cost, then the higher "
    "rent, then the earlier line of the bids"
)
# The critical asks of winners get this share of the time for all critical asks.
WINNERS_S = 0.5
# Longest time for one critical ask, as a multiple of an equal share of the remaining time.
AHEAD = 4.0
# The solve without a winner gets this share of the time for the winner's critical ask.
WITHOUT_S = 0.6


def award(
    config: Config | Path | str | Source,
    bids: Path | str | pd.DataFrame,
    overrides: Sequence[str] = (),
    *,
    gap: float = 0.0,
    time_limit_s: float | None = None,
    asks_s: float | None = None,
    asked_of: int | None = None,
    second_prices: bool = True,
    out: Path | str | None = None,
    usual: Path | None = None,
    now: datetime | None = None,
    progress: Report | None = None,
) -> Award:
    """Return the winning bids, and the critical ask of each bid.

    The award has the highest worth that the budget allows and, among awards of equal worth, draws
    the least public money. Demand, budget, years, floors, feeders, limits and existing stations
    come from the configuration.

    Parameters
    ----------
    config
        A configuration, its YAML file, a run folder, a study or a plan.
    bids
        The bids, as a CSV (`siting.awards.bids`) or a table with the same columns.
    overrides
        ``key.path=value`` strings that replace keys of a file.
    gap
        Requested gap of the award; 0 requests a proof that no award is better.
    time_limit_s
        Time limit (s) for the award; by default, the limit in the configuration.
    asks_s
        Time limit (s) for all critical asks (0: compute none); by default, five times the limit for
        the award.
    asked_of
        Number of losing bids whose critical asks are computed; None: all. Bids with the lowest ask
        per kWh/day of capacity come first.
    second_prices
        Whether the critical asks of winners are computed too, in half of `asks_s`.
    out
        The new or empty run folder to write.
    usual
        The run folder to write if `out` is not given. If neither is given, nothing is written.
    now
        The time to record.
    progress
        Called with an `Event` when a stage is done, and at intervals while solving.

    Raises
    ------
    SitingError
        If the configuration or the bids contain errors. All errors of the configuration are listed
        or, if it has none, all errors of the bids.

    Examples
    --------
    >>> done = award("configs/islamabad.yaml", "bids.csv")  # doctest: +SKIP
    >>> done.losers[["bid", "ask_pkr", "critical_high_pkr"]]  # doctest: +SKIP
    """
    now = now or datetime.now().astimezone()
    if isinstance(config, Study | Plan) or (
        isinstance(config, Path | str) and Path(config).is_dir()
    ):
        study = study_of(config)
    else:
        study = Study(config, overrides, progress=progress, today=now.date())
    if isinstance(bids, pd.DataFrame):
        path = lay_down(("bids",), pd.DataFrame(bids), study.config.output.cache_dir)
    else:
        path = Path(bids)
    try:
        bidding = bidding_of(study, path, gap=gap, time_limit_s=time_limit_s, progress=progress)
    except SitingError as err:
        raise in_words(err) from None
    limit_s = 5 * bidding.study.config.solver.time_limit_s if asks_s is None else asks_s
    bidding, market = _awarded(bidding, limit_s)
    with market.pool.clock.listening():
        asks = _asks(bidding, market, limit_s, asked_of, winners=second_prices)
    made, judged = _told(bidding, market, asks), bidding.study
    if out is None and usual is None:
        return replace(made, plan=with_facts(judged, judged.plan, now))

    def write(folder: Path, plan: Plan) -> None:
        for name in ("winners", "losers", "payments"):
            write_csv(getattr(made, name), folder / f"{name}.csv", note=plan.note)
        won = made.places["won"]
        for name, kept in (("winners", won), ("losers", ~won)):
            layer = made.places[kept].drop(columns="won")
            write_geojson(layer, folder / f"{name}.geojson", name=name, note=plan.note)
        shutil.copyfile(path, folder / BIDS)
        roads = judged.network.edges.to_crs(4326)
        write_text(folder / PAGE, page_of(replace(made, plan=plan), roads))

    record = {
        "bids": path.name, "sha256": sha256(path), "ties": TIES, "notes": list(made.notes),
        "payments": made.payments.to_dict("records"),
    }  # fmt: skip
    place = None if out is None else Path(out)
    plan, folder = write_run(judged, place, now, usual=usual, facts={AWARD: record}, also=write)
    return replace(made, plan=plan, folder=folder)


def award_to_folder(
    config: Path, bids: Path, *, overrides: Sequence[str] = (), now: datetime, **how: Any
) -> Award:
    """Write an award to its folder, by default ``runs_dir/NAME-award-TIME``, and return it."""
    study = Study(config, overrides, today=now.date(), progress=how.get("progress"))
    return award(study, bids, usual=folder_for(study.config, "award", now), now=now, **how)


def _awarded(bidding: Bidding, asks_s: float) -> tuple[Bidding, Market]:
    """Return the bids, with a solved study if a plan was found, and the market of these bids."""
    study, begun = bidding.study, time.perf_counter()
    solver = study.config.solver
    closed = [o for bid in bidding.above for o in bidding.bids[bid].offers]
    market = Market(
        bidding.program, closed,
        limit_s=solver.time_limit_s + asks_s, threads=solver.threads, seed=solver.seed,
    )  # fmt: skip
    if solver.method != "exact" or solver.name != HIGHS:
        return bidding, market
    with market.pool.clock.listening():
        best = market.best(gap=solver.gap, limit_s=solver.time_limit_s)
    if best is None:
        return bidding, market
    program: Program = study.program
    over = market.pool.clock.interrupted
    answer = proven(
        program, market.standing(best.choice), (best.worth_bound, best.money_bound_pkr),
        gap_asked=solver.gap, stopped="interrupted" if over else "time limit",
        seconds={"total": time.perf_counter() - begun},
    )  # fmt: skip
    outcome = decide(study.asked, program, answer=answer)
    ours = {name: getattr(study, name) for name in ("offers", "limits")}
    return replace(bidding, study=study.with_stages(ours | {"outcome": outcome})), market


def _asks(
    bidding: Bidding, market: Market, limit_s: float, asked_of: int | None, *, winners: bool
) -> dict[str, Ask]:
    """Return the critical asks by name of the bid, without bids for which no time was left."""
    study, outcome, clock = bidding.study, bidding.study.outcome, market.pool.clock
    stands = set(outcome.offers)
    won = [b for b, bid in bidding.bids.items() if bid.offers[0] in stands]
    asks: dict[str, Ask] = {}
    begun = time.monotonic()
    for names, until_s in (
        (won if winners else [], WINNERS_S * limit_s),
        (_losers(bidding, won)[:asked_of], limit_s),
    ):
        for n, name in enumerate(names):
            left = begun + until_s - time.monotonic()
            if left <= 0 or clock.interrupted:
                break
            bid, soon = bidding.bids[name], min(left, AHEAD * left / (len(names) - n))
            if name in won:
                ask = _of_winner(market, bid, soon)
            else:
                worth, money = outcome.proof.objective, outcome.subsidy_pkr
                ask = market.ask(bid, worth, money, limit_s=soon)
                if outcome.proof.gap <= SAME and name not in bidding.above:
                    # The bid lost at its own ask, so its critical ask is no higher than that.
                    ask = ask.at_most(math.floor(bid.ask_pkr))
            asks[name] = ask
            study.tell("asks", f"{name}: critical ask {between(ask.low_pkr, ask.high_pkr)}")
    return asks


def _losers(bidding: Bidding, won: Collection[str]) -> list[str]:
    """Return the losing bids, sorted by their ask per kWh/day of capacity, lowest first."""
    places, offers = bidding.places, bidding.study.offers.set_index("offer_id")
    can = offers[capacity_columns(offers)].sum(axis=1)
    lost = places[~places["bid"].isin(won) & places["bid"].isin(bidding.bids)]
    # If there are no losers, pandas cannot infer the type, hence the conversion to float.
    by = lost.assign(kwh=lost["offer_id"].map(can).astype(float)).groupby("bid", sort=False)
    rate = by["ask_pkr"].sum() / by["kwh"].sum().clip(lower=1e-9)
    return rate.sort_values(kind="stable").index.astype(str).tolist()


def _of_winner(market: Market, bid: Bid, limit_s: float) -> Ask:
    """Return the critical ask of a winner, found from the best award without this winner."""
    begun, least = time.monotonic(), math.floor(bid.ask_pkr)
    other = market.best(without=bid, limit_s=WITHOUT_S * limit_s)
    if other is None:
        # Either no plan exists without the bid, or none was found in time.
        return Ask(bid.most_pkr if market.none_without else least, bid.most_pkr)
    left = max(limit_s - (time.monotonic() - begun), 0.1)
    found = market.ask(bid, other.worth, other.money_pkr, limit_s=left)
    low = max(found.low_pkr, least)
    return Ask(low if other.proven else least, max(found.high_pkr, low))


def _told(bidding: Bidding, market: Market, asks: Mapping[str, Ask]) -> Award:
    study, places = bidding.study, bidding.places
    stands = set(study.outcome.offers)
    places = places.assign(won=places["offer_id"].isin(stands) & (places["why_not"] == ""))
    adds = _adds(study, market, places[places["won"]])
    rows = []
    for name, own in places.groupby("bid", sort=False):
        one = own.iloc[0]
        ask = asks.get(str(name))
        asked = float(own["ask_pkr"].sum())
        chargers = (" + ".join(f"{n} x {c}" for c, n in k.items()) for k in own["counts"])
        low, high = (math.nan, math.nan) if ask is None else (ask.low_pkr, ask.high_pkr)
        rows.append(
            {
                "bid": name,
                "bidder": one["bidder"],
                "name": ", ".join(own["name"]),
                "places": len(own),
                "chargers": "; ".join(chargers),
                "ask_pkr": asked,
                "rent_pkr": float(own["rent_pkr"].sum()),
                "critical_low_pkr": low,
                "critical_high_pkr": high,
                "proven": ask is not None and ask.proven,
                "won": bool(one["won"]),
                "adds": adds.get(str(name), math.nan),
                "over_pkr": math.nan if ask in (None, NO_ASK) else asked - max(high, 0.0),
                "why": _why(str(one["why_not"]), ask, asked),
            }
        )
    table = pd.DataFrame(rows)
    winners = table[table["won"]].drop(columns=["won", "over_pkr", "why"])
    losers = table[~table["won"]].drop(columns=["won", "adds"])
    losers = losers.sort_values("over_pkr", kind="stable", ignore_index=True)
    winners = winners.sort_values("adds", ascending=False, kind="stable", ignore_index=True)
    shape = study.candidates.set_index(study.candidates["site_id"].astype(str)).geometry
    kept = ["bid", "bidder", "site_id", "name", "configuration", "ask_pkr", "rent_pkr", "cost_pkr",
            "power_kw", "won"]  # fmt: skip
    layer = gpd.GeoDataFrame(
        places[kept], geometry=shape.reindex(places["site_id"]).to_numpy(), crs=study.candidates.crs
    )
    payments, notes = _payments(winners), _notes(study, asks, table)
    return Award(study.plan, with_units(winners), with_units(losers), layer, payments, notes)


def _adds(study: Study, market: Market, won: pd.DataFrame) -> dict[str, float]:
    """Return, by winner, the worth that the award would lose without the winner."""
    built, plan = study.outcome.built, study.program.year_plan

    def worth(gone: Collection[str]) -> float:
        here = built[~built["offer_id"].isin(gone)]
        if plan is None:
            return market.worth_of(here["offer_id"].unique().tolist())
        ids = {y: here.loc[here["year"] == y, "offer_id"] for y in plan.years}
        return market.worth_of({year: mine.unique().tolist() for year, mine in ids.items()})

    whole = worth(())
    return {
        str(bid): max(whole - worth(set(rows["offer_id"])), 0.0)
        for bid, rows in won.groupby("bid", sort=False)
    }


def _payments(winners: pd.DataFrame) -> pd.DataFrame:
    """Return the public money paid to winners under each payment rule, and their rents (PKR)."""
    asked, rent = float(winners["ask_pkr"].sum()), float(winners["rent_pkr"].sum())
    paid = winners[winners["rent_pkr"] == 0]
    low = paid["critical_low_pkr"].fillna(paid["ask_pkr"]).clip(lower=paid["ask_pkr"])
    high = paid["critical_high_pkr"].fillna(math.inf)
    rows = [
        ("pay as bid", asked, asked),
        ("pay the critical ask", float(low.sum()), float(high.sum())),
        ("rents paid", rent, rent),
    ]
    return pd.DataFrame(rows, columns=["rule", "low_pkr", "high_pkr"])


def _why(ruled_out: str, ask: Ask | None, asked: float) -> str:
    if ruled_out:
        return ruled_out
    if ask is None:
        return NOT_IN_TIME
    if ask == NO_ASK:
        return "no ask would win: the best plan with this bid serves less, or breaks a limit"
    if not ask.proven and ask.low_pkr >= asked:
        return "not proven: an award with this bid may be as good"
    least = "" if ask.proven else "at least "
    return f"{TOO_MUCH}{least}PKR {max(asked - ask.high_pkr, 0):,.0f} too much"


def _notes(study: Study, asks: Mapping[str, Ask], table: pd.DataFrame) -> tuple[str, ...]:
    outcome = study.outcome
    out = [TIES]
    if outcome.proof.gap > SAME:
        out.append(
            f"the award is proven to within {outcome.gap:.2%}: critical asks are computed against "
            "this award; a bid above its critical ask may still be part of a better award"
        )
    ready = table[~table["bid"].isin(asks)]
    if len(ready):
        out.append(f"no critical ask was computed for {len(ready):,} bids")
    doubtful = [bid for bid, ask in asks.items() if not ask.proven]
    if doubtful:
        out.append(f"{len(doubtful):,} critical asks are known only to lie between two figures")
    if study.config.program.years is None and np.isfinite(outcome.budget_pkr):
        out.append(f"PKR {outcome.budget_pkr - outcome.subsidy_pkr:,.0f} of the budget is left")
    return tuple(out)
