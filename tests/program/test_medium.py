"""In medium towns with difficult numbers, engine, MILP and tables never contradict each other."""

import itertools

import numpy as np
import pytest
from brute_force import Trial
from medium_cases import KINDS, MEDIUM_FEATURES, medium_case
from program_cases import combine, program_of

from siting.engine.solve import solve
from siting.errors import InfeasibleError, InputError, SolveError

GAP, LIMIT_S = 0.005, 15.0
SLACK = 1e-6


def triples(seed, count):
    """Return random triples of features, each with a kind of town and a seed."""
    rng = np.random.default_rng(seed)
    kinds = itertools.cycle(KINDS)
    out = []
    while len(out) < count:
        drawn = set(rng.choice(MEDIUM_FEATURES, 3, replace=False).tolist())
        features = tuple(name for name in MEDIUM_FEATURES if name in drawn)
        if combine(features):
            out.append((features, next(kinds), seed * 1000 + len(out)))
    return out


def answered(case, method):
    """Return a method's answer and error message; the answer is None if there is an error."""
    try:
        return solve(program_of(case), gap=GAP, time_limit_s=LIMIT_S, threads=1, method=method), ""
    except InfeasibleError as error:
        return None, f"infeasible: {error}"
    except SolveError as error:
        return None, f"none: {error}"
    except InputError as error:
        if "too far apart" not in str(error) and "almost no demand" not in str(error):
            raise
        return None, f"refused: {error}"


def contradictions(features, kind, seed):
    """Return the number of answers, and the contradictions between methods or with the tables."""
    case = medium_case(features, kind, seed)
    where = f"{' + '.join(features)}, {kind}, seed {seed}"
    answers, out, said = {}, [], {}
    for method in ("exact", "milp"):
        answer, said[method] = answered(case, method)
        if answer is not None:
            answers[method] = answer
            out += [f"{where}, {method}: {fault}" for fault in faults_of(case, answer)]
    infeasible = [m for m, words in said.items() if words.startswith("infeasible")]
    if infeasible and answers:
        out.append(f"{where}: {infeasible[0]} says {said[infeasible[0]]}, the other has a plan")
    if said["exact"].startswith("none"):
        out.append(f"{where}, exact: {said['exact']}")
    for one, other in itertools.permutations(answers, 2):
        a, b = answers[one].proof, answers[other].proof
        sign = sense(case)
        scale = max(abs(a.objective), abs(b.objective), 1e-9 * size_of(case))
        if sign * (a.objective - b.bound) > SLACK * scale:
            out.append(f"{where}: {one} has {a}, beyond what {other} proves: {b}")
        if b.status == "optimal" and sign * (a.objective - b.objective) > (GAP + SLACK) * scale:
            out.append(f"{where}: {other} is no optimum, {b}; {one}: {a}")
    return len(answers), out


def sense(case):
    """Return 1 if a larger value of the first aim is better, else -1."""
    kind, *rest = case.aims[0]
    less = kind in ("least_money", "least_regret", "shortest_drives", "least_cost_to_all")
    return -1 if less or rest[-1:] == ["unserved"] else 1


def size_of(case):
    """Return the size with which differences in the first aim's value are compared."""
    kind = case.aims[0][0]
    if kind == "worst_share":
        return 1.0
    if kind == "least_money":
        return float(case.offers["cost_pkr"].max())
    if kind == "least_cost_to_all":
        return max(case.aims[0][1].values())
    return float(case.demand["demand_kwh_day"].sum())


def faults_of(case, answer):
    """Return a plan's errors in stations, money, limits and first value, from the tables alone."""
    trial = Trial(case)
    years = list(case.budgets or [None])
    plan = {site: [None] * len(years) for site in trial.at}
    for _, year, site, offer in answer.built.itertuples(index=False):
        plan[site][years.index(year) if case.budgets else 0] = offer
    plan = {site: tuple(course) for site, course in plan.items()}
    out = [
        f"{site} has {course}" for site, course in plan.items() if course not in trial.courses(site)
    ]
    for what, holds in (
        ("money", trial.affordable(plan)),
        ("limits", trial.within(plan)),
        ("distance", trial.apart(plan)),
    ):
        if not holds:
            out.append(f"{what} do not hold")
    if case.aims[0][0] == "least_regret":
        return out  # the best worth in each scenario, which regret needs, is unknown here
    value = trial.value(plan)
    found = answer.proof.objective
    if value is None:
        out.append("the plan cannot meet the requirements")
    else:
        # With later aims, a plan may serve less of the first aim than its stations could.
        beyond = sense(case) * (found - value)
        beyond = beyond if len(case.aims) > 1 else abs(beyond)
        if beyond > 1e-5 * max(abs(value), 1e-6 * size_of(case)):
            out.append(f"says {found}, the tables {value}")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1))
def test_medium_towns_never_contradict(part):
    wrong, plans = [], 0
    for features, kind, seed in triples(part, 7):
        count, found = contradictions(features, kind, seed)
        plans, wrong = plans + count, wrong + found
    print(f"7 towns, {plans} answers, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert plans >= 6
