"""Random towns that ask for any of the features together, as `Asked` and as a `Program`."""

from dataclasses import replace

import numpy as np
import pandas as pd
from brute_force import CLASSES, Asked, Scarce, Shares, Trial, town, with_extensions

from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.program.objective import ExponentialDecay, GaussianDecay, LinearDecay, StepDecay
from siting.program.program import Program

CUTOFF_MIN = 9.0
SESSION_KWH = {"two_wheeler": 1.5, "three_wheeler": 5.0, "car": 20.0, "bus": 90.0}
DECAYS = {
    "exponential": ExponentialDecay,
    "gaussian": GaussianDecay,
    "step": StepDecay,
    "linear": LinearDecay,
}


def _coverage(case, rng):
    return replace(case, model="coverage")


def _people(case, rng):
    ids = case.demand["demand_id"]
    people = pd.Series(rng.integers(1, 50, len(ids)).astype(float), index=ids)
    return replace(case, worth=people, worth_unit="people")


def _sessions(case, rng):
    return replace(case, worth="sessions", worth_unit="sessions/day")  # see `settled`


def _decay(case, rng):
    kinds = [
        ("exponential", float(rng.integers(2, 8))),
        ("gaussian", float(rng.integers(3, 8))),
        ("step", {0: 1.0, 4: 0.5, 7: 0.25}),
        ("linear", 2.0, 8.0, 0.2),
    ]
    return replace(case, decay=kinds[rng.integers(len(kinds))])


def _zones(case, rng):
    names = np.array(["east", "west", ""], dtype=object)
    cells = case.demand["cell_id"].unique()
    of = dict(zip(cells, names[rng.choice(3, len(cells), p=[0.45, 0.45, 0.1])], strict=True))
    zone = case.demand.set_index("demand_id")["cell_id"].map(of)
    wanted = case.demand.set_index("demand_id")["demand_kwh_day"].groupby(zone).sum()
    return zone.where(zone.map(wanted) > 0, "").to_dict()


def _when(rng):
    return ("last", "every")[rng.integers(2)]


def _city_floor(case, rng):
    floor = Shares(None, {"city": float(rng.choice([0.1, 0.2, 0.35]))}, _when(rng))
    return replace(case, floors=(*case.floors, floor))


def _zone_floors(case, rng):
    zone = _zones(case, rng)
    names = sorted({z for z in zone.values() if z})
    shares = {z: float(rng.choice([0.1, 0.2, 0.3])) for z in names}
    return replace(case, floors=(*case.floors, Shares(zone, shares, _when(rng)))) if names else case


def _class_floors(case, rng):
    # Two of the classes that something open could serve, so that most towns can hold them.
    trial = Trial(replace(case, worth=None))
    able = {trial.kind[f[4]] for f in trial.flows}
    names = [k for k in CLASSES if k in able][:2]
    shares = {k: float(rng.choice([0.1, 0.2])) for k in names}
    return replace(case, floors=(*case.floors, Shares("class", shares, _when(rng))))


def _worst_share(case, rng):
    of = "class" if rng.random() < 0.3 else _zones(case, rng)
    if not any(of if of == "class" else of.values()):
        of = "class"
    return _aim(case, "worst_share", of, _when(rng))


def _aim(case, *aim):
    return replace(case, aims=(*case.aims, aim))


def _least_subsidy(case, rng):
    return _aim(_with_need(case, rng), "least_money", "subsidy_pkr")


def _least_cost(case, rng):
    return _aim(_with_need(case, rng), "least_money", "cost_pkr")


def _net_worth(case, rng):
    gain = float(rng.integers(1, 5))
    if case.budgets and not case.gap and rng.random() < 0.6:  # what is rare in one year costs more
        gain = (gain, float(rng.integers(0, 5)))
    return _aim(case, "net_worth", gain, "subsidy_pkr")


def _net_of_cost(case, rng):
    return _aim(case, "net_worth", float(rng.integers(1, 4)), "cost_pkr")


def _with_need(case, rng):
    """Return the case with a floor, without which the least money is none."""
    return case if case.floors else _city_floor(case, rng)


def _years(case, rng):
    money = {2027: float(rng.integers(1, 6)), 2030: float(rng.integers(0, 6))}
    return replace(case, budgets=money, last_period_years=2, discount_rate=0.1)


def _courses(case, rng):
    case = _years(case, rng)
    return replace(case, carry_over=True, upgrades=True)


def _scenarios(case, rng):
    if case.scenarios:
        return case
    chances = [{"slow": 0.3, "fast": 0.7}, {"slow": 0.25, "mid": 0.5, "fast": 0.25}]
    return replace(case, scenarios=chances[0 if case.budgets else rng.integers(2)])


def _expected(case, rng):
    return _aim(_scenarios(case, rng), "most_worth")


def _least_regret(case, rng):
    return _aim(_scenarios(case, rng), "least_regret")


def _tail_served(case, rng):
    return _aim(_scenarios(case, rng), "tail", float(rng.choice([0.5, 0.8])), "served")


def _tail_unserved(case, rng):
    return _aim(_scenarios(case, rng), "tail", float(rng.choice([0.4, 0.75])), "unserved")


def _limit(case, limit):
    return replace(case, limits=(*case.limits, limit))


def _new(case):
    offers = case.offers
    standing = set(offers.loc[offers["existing"], "site_id"])
    return offers.loc[~offers["site_id"].isin(standing), "offer_id"].tolist()


def _number(case, rng):
    use = dict.fromkeys(_new(case), 1.0)
    return _limit(case, Scarce("new stations", use, float(rng.integers(1, 3)), kind="number"))


def _envelope(case, rng):
    ids = case.offers.loc[~case.offers["existing"], "offer_id"]
    share = {o: float(rng.integers(0, 3)) / 2 for o in ids}
    most = float(rng.integers(2, 5))
    return _limit(case, Scarce("bikes", share, most, per_rupee=True, kind="envelope"))


def _feeder(case, rng):
    kw = {o: float(rng.integers(1, 6)) for o in _new(case)}
    return _limit(case, Scarce("feeder F7", kw, float(rng.integers(4, 10)), kind="feeder"))


def _at_least(case, rng):
    sites = sorted(set(case.offers["site_id"]))[1:]
    some = set(rng.choice(sites, 2, replace=False))
    ids = case.offers.loc[case.offers["site_id"].isin(some), "offer_id"]
    return _limit(
        case, Scarce("one of these", dict.fromkeys(ids, 1.0), at_least=1.0, kind="at least")
    )


def _required(case, rng):
    open_ = case.offers[(case.offers["reason"] == "") & ~case.offers["existing"]]
    sites = sorted(set(open_["site_id"]))
    return replace(case, required=(str(rng.choice(sites)),)) if sites else case


def _differ_from(case, rng):
    open_ = case.offers[case.offers["reason"] == ""].drop_duplicates("site_id")
    other = tuple(o for o in open_["offer_id"] if rng.random() < 0.6)
    return replace(case, distances=((other, int(rng.integers(1, 3))),))


def _gap(case, rng):
    margin = {k: float(rng.integers(1, 6)) / 10 for k in CLASSES}
    return replace(case, gap=(margin, 0.75, 1.0, {}))


def _need(case, rng):
    """Return the case with a gap that is filled up to a sum of each offer's own."""
    case = _gap(case, rng)
    caps = {
        o: float(rng.choice([0.0, 0.5, 0.8, 1.0])) * chargers + 0.8 * (cost - chargers)
        for o, chargers, cost in case.offers[
            ["offer_id", "charger_cost_pkr", "cost_pkr"]
        ].to_numpy()
    }
    return replace(case, gap=(case.gap[0], caps, 1.0, {}))


def _hurdle(case, rng):
    """Return the case with a gap in which a station must break even at a part of its sales."""
    case = _need(case, rng)
    return replace(case, gap=(*case.gap[:2], float(rng.choice([0.4, 0.7, 0.9])), {}))


def _concessions(case, rng):
    """Return the case with a gap in which some sites are one case."""
    case = _need(case, rng)
    named = {s: str(rng.choice(["", "a", "a", "b"])) for s in sorted(set(case.offers["site_id"]))}
    return replace(case, gap=(*case.gap[:3], {s: name for s, name in named.items() if name}))


def _extensions(case, rng):
    """Return the case with two offers that extend the station that stands."""
    return replace(case, offers=with_extensions(case.offers, 2, rng))


def _drives(case, rng):
    return case if case.aims and case.aims[-1] == ("shortest_drives",) else _late(case)


def _late(case):
    return replace(case, aims=(*(case.aims or (("most_worth",),)), ("shortest_drives",)))


def _cost_to_all(case, rng):
    """Return the case with the least cost to all as its next aim; costs are no sum of money."""
    yearly = {o: float(rng.integers(0, 60)) for o in case.offers["offer_id"]}
    minute = {k: float(rng.choice([0.0, 0.25, 0.5, 1.0])) for k in CLASSES}
    return _aim(case, "least_cost_to_all", yearly, minute)


def _cost_to_all_first(case, rng):
    return _cost_to_all(_with_need(case, rng), rng)


def _then_cost_to_all(case, rng):
    return _cost_to_all(replace(case, aims=case.aims or (("most_worth",),)), rng)


# In the order in which they are laid on: blocks first, then aims, the drives last.
FEATURES = {
    "extensions": _extensions,
    "coverage": _coverage,
    "people": _people,
    "sessions": _sessions,
    "decay": _decay,
    "years": _years,
    "years, carry, upgrades": _courses,
    "number": _number,
    "envelope": _envelope,
    "feeder": _feeder,
    "at least": _at_least,
    "required": _required,
    "differ from": _differ_from,
    "viability gap": _gap,
    "need": _need,
    "hurdle": _hurdle,
    "concessions": _concessions,
    "city floor": _city_floor,
    "zone floors": _zone_floors,
    "class floors": _class_floors,
    "expected": _expected,
    "least regret": _least_regret,
    "tail served": _tail_served,
    "tail unserved": _tail_unserved,
    "worst share": _worst_share,
    "net of money": _net_worth,
    "net of cost": _net_of_cost,
    "least subsidy": _least_subsidy,
    "least cost": _least_cost,
    "cost to all": _cost_to_all_first,
    "shortest drives": _drives,
    "then cost to all": _then_cost_to_all,
}
# Each pair of these is one block named twice, not two blocks together.
SAME_BLOCK = (
    {"people", "sessions"},
    {"years", "years, carry, upgrades"},
    {"viability gap", "need"},
    {"viability gap", "hurdle"},
    {"need", "hurdle"},
    {"viability gap", "concessions"},
    {"need", "concessions"},
    {"hurdle", "concessions"},
)
REFUSED = (
    {"coverage", "viability gap"},
    {"coverage", "need"},
    {"coverage", "hurdle"},
    {"coverage", "concessions"},
    {"years", "concessions"},
    {"years, carry, upgrades", "concessions"},
)


def combine(features):
    """Return whether features are different blocks that may stand together."""
    return not any(pair <= set(features) for pair in (*SAME_BLOCK, *REFUSED))


def case_of(features, seed, sites=4, cells=4, configurations=2):
    """Return what a random town with some features asks; something in it can be served."""
    rng = np.random.default_rng(seed)
    while True:
        demand, offers, reach = town(
            int(rng.integers(1 << 30)), sites=sites, cells=cells, configurations=configurations,
            existing="extensions" in features or rng.random() < 0.5,
        )  # fmt: skip
        case = Asked(demand, offers, reach, budget=float(rng.integers(4, 9)), aims=())
        if len(Trial(case).flows) >= 4:
            break
    for name, laid in FEATURES.items():
        if name in features:
            case = laid(case, rng)
    return settled(case, rng)


def settled(case, rng):
    """Return a case with an aim, demand by slice, and sessions of each slice's own demand."""
    keys = [key for key, _, _ in case.slice_keys()]
    table = case.demand.set_index("demand_id")["demand_kwh_day"]
    demand_of = None
    if keys != [None]:
        factors = [0.5, 1.0, 1.0, 2.0]
        demand_of = {key: table * rng.choice(factors, len(table)) for key in keys}
    worth = case.worth
    if isinstance(worth, str):
        each = case.demand.set_index("demand_id")["vehicle_class"].map(SESSION_KWH).astype(float)
        worth = {key: (demand_of[key] if demand_of else table) / each for key in keys}
        worth = worth if demand_of else worth[None]
    return replace(case, demand_of=demand_of, worth=worth, aims=case.aims or (("most_worth",),))


def instance_of(case):
    return Instance.from_tables(
        case.demand, case.offers, case.reach, case.compatibility, case.budget,
        required=case.required if case.budgets is None and case.gap is None else (),
    )  # fmt: skip


def program_of(case):
    """Return the same as a program, by its public methods."""
    program = Program(instance_of(case), case.model)
    demand = case.demand_of
    if case.budgets is not None:
        rules = {
            "carry_over": case.carry_over,
            "upgrades": case.upgrades,
            "discount_rate": case.discount_rate,
            "last_period_years": case.last_period_years,
        }
        program = program.years(case.budgets, None if case.scenarios else demand, **rules)
    if case.scenarios is not None:
        program = program.scenarios(case.scenarios, demand)
    if case.worth is not None:
        program = program.worth(case.worth, case.worth_unit)
    if case.decay is not None:
        kind, *rest = case.decay
        program = program.decay(DECAYS[kind](*rest), CUTOFF_MIN)
    if case.required:
        program = program.require(case.required)
    program = program.limit(
        *(
            Limit(one.name, one.kind, "", one.at_most, one.use, one.at_least, one.per_rupee)
            for one in case.limits
        )
    )
    for floor in case.floors:
        program = program.floor(floor.shares, _partition(floor.of), floor.when)
    if case.gap is not None:
        program = program.viability_gap(GapRule(*case.gap))
    for other, sites in case.distances:
        program = program.differ_from(other, sites)
    for kind, *rest in case.aims:
        if kind == "worst_share":
            rest = [_partition(rest[0]), rest[1]]
        program = getattr(program, kind)(*rest)
    return program


def _partition(of):
    return pd.Series(of, dtype=object) if isinstance(of, dict) else of
