"""The pairwise contract: blocks two by two on random towns, engine and MILP against brute force."""

import itertools

import numpy as np
import pytest
from brute_program import best
from program_cases import FEATURES, REFUSED, SAME_BLOCK, case_of, combine, program_of

from siting.engine.solve import solve
from siting.errors import InfeasibleError, InputError

METHODS = ("exact", "milp")
PAIRS = [pair for pair in itertools.combinations(FEATURES, 2) if combine(pair)]
SOME_SEEDS, MORE_SEEDS = 1, 2
TRIPLES = 150


def seed_of(features, n):
    """Return a seed that does not change when a feature is added to the list."""
    return n * 1_000_003 + sum(ord(c) * k for k, c in enumerate("+".join(features), 1))


def disagreements(features, seed, methods=METHODS, **size):
    """Return whether a random town can be planned, and where a method and brute force differ."""
    case = case_of(features, seed, **size)
    expected = best(case)
    out = []
    for method in methods:
        where = f"{' + '.join(features)}, seed {seed}, {method}"
        try:
            answer = solve(program_of(case), gap=0.0, time_limit_s=60.0, threads=1, method=method)
        except InfeasibleError as error:
            if expected is not None:
                out.append(f"{where}: infeasible ({error}), brute force {expected.reached}")
            continue
        found = [one.proof.objective for one in answer.proofs]
        if expected is None:
            out.append(f"{where}: found {found}, there is no plan")
            continue
        unproven = False
        for one, (aim, *_), wanted in zip(answer.proofs, case.aims, expected.reached, strict=True):
            proof = one.proof
            if proof.status != "optimal" and aim == "shortest_drives" and method == "exact":
                # May be left unproven, but not be untrue; see test_faults.py.
                unproven = True
                slack = 1e-6 * max(1.0, wanted)
                if not proof.bound - slack <= wanted <= proof.objective + slack:
                    out.append(f"{where}: {aim} {proof}, brute force {wanted}")
                continue
            if proof.objective != pytest.approx(wanted, rel=1e-6, abs=1e-6):
                out.append(f"{where}: {aim} {proof.objective}, brute force {wanted}")
            if proof.status != "optimal":
                out.append(f"{where}: {aim} {proof}")
        if unproven:
            continue
        if not out and built(answer) not in [plan_of(plan) for plan in expected.plans]:
            out.append(f"{where}: {built(answer)} is not one of the best plans")
    return expected is not None, out


def built(answer):
    """Return what stands, as (year position, offer)."""
    years = answer.program.year_plan.years if answer.program.year_plan else None
    rows = answer.built
    at = [years.index(y) if years else 0 for y in rows["year"]]
    return sorted(set(zip(at, rows["offer_id"], strict=True)))


def plan_of(plan):
    return sorted((t, o) for course in plan.values() for t, o in enumerate(course) if o)


def check(combinations, seeds, **how):
    """Run towns; all must agree, and most must be such that there is a plan."""
    towns, plans, wrong = 0, 0, []
    for features in combinations:
        for n in range(seeds):
            feasible, found = disagreements(features, seed_of(features, n), **how)
            towns, plans = towns + 1, plans + feasible
            wrong += found
    print(
        f"{len(combinations)} combinations, {towns} towns, {plans} with a plan, {len(wrong)} wrong"
    )
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)
    return towns, plans


def test_every_pair_is_there():
    assert len(FEATURES) == 32
    assert len(PAIRS) == 32 * 31 // 2 - len(SAME_BLOCK) - len(REFUSED) == 482


@pytest.mark.parametrize("first", FEATURES)
def test_alone_and_pairs(first):
    # Every other pair; the slow test has all of them.
    pairs = [pair for pair in PAIRS if pair[0] == first][::2]
    towns, plans = check([(first,), *pairs], SOME_SEEDS)
    assert towns == 1 + len(pairs)
    assert plans >= 0.5 * towns


@pytest.mark.slow
@pytest.mark.parametrize("first", FEATURES)
def test_pairs_on_more_towns(first):
    pairs = [pair for pair in PAIRS if pair[0] == first]
    check([(first,), *pairs], MORE_SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_triples(part):
    rng = np.random.default_rng(part)
    names = list(FEATURES)
    drawn = (
        tuple(n for n in names if n in picked)
        for picked in iter(lambda: set(rng.choice(names, 3, replace=False).tolist()), None)
    )
    check(list(itertools.islice(filter(combine, drawn), TRIPLES // 10)), 1)


def test_coverage_with_the_gap_is_refused():
    with pytest.raises(InputError, match="coverage gives no sales"):
        program_of(case_of(("coverage", "viability gap"), 1))
