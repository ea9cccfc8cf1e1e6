"""Coverings solved by cuts and a tree of their own, against the plain program given to HiGHS."""

from dataclasses import replace

import numpy as np
import pulp
import pytest
from brute_force import COMPATIBILITY, best_sites, plain_town, town
from conftest import seeds
from scipy import sparse

from benchmarks.covering import covering_from_chunks, lp_bound, solve_covering
from siting.classics import PlainInstance
from siting.classics.search import covering_of_plain
from siting.engine import lost_without, solve
from siting.engine.clock import Clock
from siting.engine.cover import covering_of
from siting.engine.covering.covering import Covering
from siting.engine.covering.plan import CoveringPlan
from siting.engine.covering.prices import Knapsack, tighten
from siting.engine.covering.reduce import dominated, merge_rows, reduce_covering
from siting.errors import InfeasibleError
from siting.program.instance import Instance
from siting.program.program import Program

KINDS = ("whole", "equal costs", "fractions", "groups", "forced", "sparse", "dense")


def random_covering(seed, kind=None, rows=(1, 60), options=(1, 16)):
    """Return a random covering: ties, rows of no weight or no option, zero costs among them."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)] if kind is None else kind
    n, m = int(rng.integers(*rows)), int(rng.integers(*options))
    share = {"sparse": 0.08, "dense": 0.6}.get(kind, float(rng.uniform(0.1, 0.4)))
    covers = rng.random((n, m)) < share
    covers[rng.random(n) < 0.1] = False
    if m > 2:
        covers[:, 1] = covers[:, 0]  # two of a kind
        covers[:, 2] &= covers[:, 0]  # and one within another
    weight = rng.integers(0, 6, n).astype(float)
    cost = rng.integers(0, 5, m).astype(float)
    if kind == "fractions":
        weight, cost = rng.random(n) * weight, rng.random(m) * 3
    if kind == "equal costs":
        cost = np.ones(m)
    group = rng.integers(0, max(m // 2, 1), m) if kind == "groups" else np.arange(m)
    budget = float(rng.choice([0.0, cost.sum(), rng.uniform(0, cost.sum()), cost.sum() // 3]))
    forced = []
    if kind == "forced":
        forced = np.flatnonzero(np.cumsum(cost) <= budget)[: int(rng.integers(0, 3))].tolist()
    return Covering.of_matrix(
        sparse.csr_array(covers.astype(float)), weight, cost, budget, group=group, forced=forced
    )


def plain_optimum(covering, relaxed=False):
    """Return the optimum of the program written out row by row, by HiGHS."""
    prob = pulp.LpProblem("plain", pulp.LpMaximize)
    forced = set(covering.forced.tolist())
    z = [
        prob.add_variable(f"z_{k}", int(k in forced), 1, "Integer")
        for k in range(len(covering.cost))
    ]
    y = [prob.add_variable(f"y_{i}", 0, 1) for i in range(len(covering.weight))]
    prob.setObjective(pulp.lpSum(w * v for w, v in zip(covering.weight.tolist(), y, strict=True)))
    for i in range(len(y)):
        own = covering.option[covering.start[i] : covering.start[i + 1]].tolist()
        prob.addConstraint(y[i] <= pulp.lpSum([z[k] for k in own]), f"covered_{i}")
    for g in np.unique(covering.group).tolist():
        own = np.flatnonzero(covering.group == g).tolist()
        prob.addConstraint(pulp.lpSum([z[k] for k in own]) <= 1, f"one_{g}")
    spent = pulp.lpSum(c * v for c, v in zip(covering.cost.tolist(), z, strict=True))
    prob.addConstraint(spent <= covering.budget, "budget")
    return most_of(prob, relaxed=relaxed)


def most_of(prob, *, relaxed=False):
    """Return the optimum of a problem, or of its relaxation."""
    prob.solve(pulp.HiGHS(msg=False, mip=not relaxed, gapRel=0.0, gapAbs=0.0))
    return pulp.value(prob.objective) if prob.objective is not None and len(prob.objective) else 0.0


def close(value):
    return pytest.approx(value, rel=1e-6, abs=1e-6)


# --- the answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(0, 60, 1200))
def test_the_best_plan_is_that_of_the_plain_program(seed):
    covering = random_covering(seed)
    answer = solve_covering(covering, gap=0.0, time_limit_s=60)
    assert answer.proof.status == "optimal"
    assert answer.value == close(plain_optimum(covering))
    assert answer.bound == close(answer.value)
    assert covering.allows(answer.chosen)
    assert answer.value == pytest.approx(covering.value(answer.chosen))


@pytest.mark.parametrize("seed", seeds(5000, 8, 400))
def test_the_tree_proves_what_bounds_alone_do_not(seed):
    # Wide enough that rounding and prices seldom end it at once.
    kind = ("equal costs", "fractions", "groups", "whole")[seed % 4]
    covering = random_covering(seed, kind, rows=(60, 120), options=(25, 45))
    answer = solve_covering(covering, gap=0.0, time_limit_s=60)
    assert answer.proof.status == "optimal"
    assert answer.value == close(plain_optimum(covering))


@pytest.mark.parametrize("seed", seeds(7000, 15, 400))
def test_at_a_wide_gap_the_bound_is_true(seed):
    covering = random_covering(seed, rows=(20, 90), options=(8, 30))
    best = plain_optimum(covering)
    answer = solve_covering(covering, gap=0.1, time_limit_s=60)
    assert answer.proof.status == "optimal"
    assert answer.proof.gap <= 0.1
    assert answer.value <= best + 1e-6
    assert answer.bound >= best * (1 - 1e-7)


@pytest.mark.parametrize("seed", seeds(8000, 10, 200))
def test_bounds_of_prices_and_of_the_relaxed_program_are_true(seed):
    covering = random_covering(seed, rows=(20, 90), options=(8, 30))
    relaxed = plain_optimum(covering, relaxed=True)
    bound = lp_bound(covering)
    # Less than the plain relaxation only by what needless and unaffordable options add to it.
    assert bound <= relaxed * (1 + 2e-6) + 1e-6
    assert bound >= plain_optimum(covering) * (1 - 1e-7)
    left = reduce_covering(covering)
    if len(left.covering.weight):
        prices = tighten(left.covering, 0.0, Clock(60), aim=-1.0, steps=500)
        inner = plain_optimum(left.covering, relaxed=True)
        assert prices.bound >= inner * (1 - 1e-9)
        assert left.certain + inner == pytest.approx(bound, rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(7))
def test_every_run_gives_the_same_and_the_order_of_rows_does_not_matter(seed):
    covering = random_covering(seed, rows=(60, 120), options=(20, 40))
    first = solve_covering(covering, gap=0.0, time_limit_s=60, seed=3)
    again = solve_covering(covering, gap=0.0, time_limit_s=60, seed=3)
    assert first.chosen.tolist() == again.chosen.tolist()
    assert first.proof.nodes == again.proof.nodes
    order = np.random.default_rng(seed).permutation(len(covering.weight))
    shuffled = Covering.of_matrix(
        covering.matrix[order],
        covering.weight[order],
        covering.cost,
        covering.budget,
        group=covering.group,
        forced=covering.forced.tolist(),
    )
    other = solve_covering(shuffled, gap=0.0, time_limit_s=60, seed=3)
    assert other.chosen.tolist() == first.chosen.tolist()


def test_weights_that_are_whole_numbers_end_it_between_two_of_them():
    # The option ruled out on the way to the tree could add less than one more.
    covering = random_covering(736)
    answer = solve_covering(covering, gap=0.0)
    assert answer.value == answer.bound == 16.0
    assert answer.proof.status == "optimal"


def test_prices_that_better_nothing_rule_nothing_out():
    # The bound before any step is that of prices of 0, and there each option is as good as any.
    covering = random_covering(1599)
    answer = solve_covering(covering, gap=0.0)
    assert answer.value == plain_optimum(covering) == 49.0


@pytest.mark.parametrize("seed", seeds(60, 20, 400))
def test_what_prices_rule_out_is_in_no_better_plan(seed):
    left = reduce_covering(random_covering(seed, rows=(10, 50), options=(5, 16))).covering
    if not len(left.weight):
        return
    for steps in (1, 3, 40):
        prices = tighten(left, 0.0, Clock(60), aim=-1.0, steps=steps)
        loss = prices.loss(left)
        assert (loss >= -1e-9 * prices.bound).all()
        for k in np.argsort(-loss)[:2].tolist():
            if left.cost[k] <= left.budget:
                forced = replace(left, forced=np.array([k]))
                assert plain_optimum(forced) <= prices.bound - loss[k] + 1e-6


def test_by_hand():
    # Two options for a budget of 3; the first alone covers most, the last two together more.
    covers = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]])
    covering = Covering.of_matrix(covers, np.array([2.0, 2.0, 1.0, 1.0]), np.array([2.0, 1, 2]), 3)
    answer = solve_covering(covering, gap=0.0)
    assert answer.chosen.tolist() == [1, 2]
    assert answer.value == 6.0
    assert answer.bound == 6.0


@pytest.mark.parametrize(
    ("weight", "budget", "chosen"),
    [([1.0], 1.0, [0]), ([1.0], 0.5, []), ([0.0], 1.0, []), ([1.0], 0.0, [])],
)
def test_one_row_and_one_option(weight, budget, chosen):
    covering = Covering.of_matrix(np.ones((1, 1)), np.array(weight), np.ones(1), budget)
    answer = solve_covering(covering, gap=0.0)
    assert answer.chosen.tolist() == chosen
    assert answer.proof.status == "optimal"
    assert answer.bound == float(len(chosen))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_cover_or_to_cover_it_with(shape):
    covering = Covering.of_matrix(np.zeros(shape), np.ones(shape[0]), np.ones(shape[1]), 5.0)
    answer = solve_covering(covering, gap=0.0)
    assert answer.chosen.tolist() == []
    assert answer.value == answer.bound == 0.0


def large_covering():
    """Return a covering that takes some seconds to prove."""
    rng = np.random.default_rng(4)
    covers = sparse.csr_array((rng.random((2500, 300)) < 0.05).astype(float))
    return Covering.of_matrix(covers, rng.random(2500), rng.uniform(0.7, 1.6, 300), 12.0)


def test_time_ends_it_with_a_plan_and_a_bound():
    covering = large_covering()
    answer = solve_covering(covering, gap=0.0, time_limit_s=0.3)
    assert 0 < answer.value < answer.bound <= covering.weight.sum()
    assert covering.allows(answer.chosen)
    assert answer.proof.status == "feasible"
    assert answer.proof.stopped == "time limit"


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 2, 4])
def test_ctrl_c_leaves_the_plan_and_the_bound(after):
    heard = []

    def press(progress):
        heard.append(progress)
        if len(heard) == after:
            raise KeyboardInterrupt

    covering = large_covering()
    answer = solve_covering(covering, gap=0.0, time_limit_s=30, progress=press)
    assert len(heard) == after
    assert answer.proof.stopped == "interrupted"
    assert answer.value <= answer.bound <= covering.weight.sum()
    assert covering.allows(answer.chosen)


# --- the parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(9000, 20, 300))
def test_reductions_change_no_optimum(seed):
    covering = random_covering(seed)
    left = reduce_covering(covering)
    assert left.certain + plain_optimum(left.covering) == close(plain_optimum(covering))
    assert len(np.unique(left.option)) == len(left.option)
    # The same plan covers the same in both.
    rng = np.random.default_rng(seed)
    for _ in range(5):
        chosen = np.flatnonzero(rng.random(len(left.option)) < 0.4)
        value = left.certain + left.covering.value(chosen)
        assert covering.value(left.whole(chosen)) == pytest.approx(value)


@pytest.mark.parametrize("seed", seeds(0, 20, 40))
def test_an_option_is_dominated_if_another_can_take_its_place(seed):
    covering = random_covering(seed, "groups", options=(2, 12))
    matrix = sparse.csr_array(covering.matrix)
    out = dominated(matrix, covering.cost, covering.group)
    dense = matrix.toarray() > 0
    for k in range(len(out)):
        better = [
            b
            for b in range(len(out))
            if b != k
            and not out[b]
            and not (dense[:, k] & ~dense[:, b]).any()
            and covering.cost[b] <= covering.cost[k]
            and covering.group[b] == covering.group[k]
        ]
        assert out[k] == (bool(better) or not dense[:, k].any())


def test_rows_are_merged_whatever_their_order_and_bit_for_bit():
    rng = np.random.default_rng(5)
    covers = rng.random((300, 7)) < 0.4
    weight = rng.random(300)
    one, sums, row = merge_rows(sparse.csr_array(covers.astype(float)), weight)
    order = rng.permutation(300)
    two, other, _ = merge_rows(sparse.csr_array(covers[order].astype(float)), weight[order])
    assert (one != two).nnz == 0
    assert sums.tolist() == other.tolist()
    assert len(sums) == len({tuple(r) for r in covers.tolist() if any(r)})
    back = one.toarray()[row[row >= 0]] > 0
    assert (back == covers[row >= 0]).all()


@pytest.mark.slow
def test_chunks_are_merged_to_what_the_whole_would_be():
    rng = np.random.default_rng(6)
    covers, weight = rng.random((500, 70)) < 0.02, rng.integers(0, 9, 500).astype(float)
    chunks = [(weight[i : i + 37], covers[i : i + 37]) for i in range(0, 500, 37)]
    cost = rng.random(70)
    merged = covering_from_chunks(chunks, cost, 3.0)
    whole = Covering.of_matrix(covers.astype(float), weight, cost, 3.0)
    assert len(merged.weight) < 300
    for _ in range(20):
        chosen = np.flatnonzero(rng.random(70) < 0.1)
        assert merged.value(chosen) == whole.value(chosen)
    assert solve_covering(merged, gap=0.0).value == solve_covering(whole, gap=0.0).value


@pytest.mark.parametrize("seed", seeds(0, 15, 30))
def test_gains_are_right_after_any_changes(seed):
    covering = random_covering(seed, rows=(10, 60), options=(3, 15))
    plan = CoveringPlan(covering)
    rng = np.random.default_rng(seed)
    for _ in range(40):
        k = int(rng.integers(plan.options))
        if plan.slot[k] >= 0:
            plan.drop(k)
        elif not plan.blocked[k]:
            plan.add(k)
    chosen = plan.chosen
    assert plan.value == pytest.approx(covering.value(chosen))
    assert plan.spent == pytest.approx(covering.cost[chosen].sum())
    for k in np.flatnonzero(plan.slot < 0).tolist():
        assert plan.gain[k] == pytest.approx(covering.value([*chosen, k]) - plan.value, abs=1e-9)
    slots, change = plan.exchanges()
    for n, s in enumerate(slots.tolist()):
        for k in np.flatnonzero(np.isfinite(change[n])).tolist():
            after = [*(set(chosen.tolist()) - {int(plan.holds[s])}), k]
            assert covering.allows(after) or covering.forced.size
            assert change[n, k] == pytest.approx(covering.value(after) - plan.value, abs=1e-9)


@pytest.mark.parametrize("seed", seeds(0, 20, 40))
def test_the_relaxed_knapsack_is_that_of_the_linear_program(seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 9))
    cost, sold = rng.integers(0, 5, m).astype(float), rng.integers(0, 9, m).astype(float)
    group = rng.integers(0, 4, m) if seed % 2 else np.arange(m)
    group = np.unique(group, return_inverse=True)[1]
    budget = float(rng.integers(0, 9))
    value, taken, _ = Knapsack(cost, group, budget).fill(sold)
    covering = Covering.of_matrix(np.eye(m), sold, cost, budget, group=group)
    assert value == pytest.approx(plain_optimum(covering, relaxed=True))
    assert sold @ taken == pytest.approx(value)
    assert cost @ taken <= budget + 1e-9
    assert (np.bincount(group, taken) <= 1 + 1e-9).all()


# --- where coverings come from -------------------------------------------------------------------


def instance_of(seed, budget, **sizes):
    while True:
        try:
            return Instance.from_tables(*town(seed, **sizes), COMPATIBILITY, budget)
        except ValueError:
            seed += 10_000


@pytest.mark.parametrize("seed", seeds(300, 5, 300))
def test_the_covering_of_an_instance_is_its_coverage_program(seed):
    instance = instance_of(seed, float(seed % 9), sites=6, cells=9)
    program = Program(instance, "coverage")
    covering = covering_of(program)
    if covering is None:  # a station that stands and could be extended
        return
    matrix = program.matrix()
    optimum = most_of(program.to_pulp())
    answer = solve_covering(covering, gap=0.0)
    assert answer.value == pytest.approx(matrix.size * optimum, abs=1e-5)


@pytest.mark.parametrize("seed", seeds(0, 1, 6))
def test_any_start_and_whatever_must_be_give_the_best_covering(seed):
    instance = instance_of(seed, 7.0, sites=6, cells=9)
    program = Program(instance, "coverage").require(instance.site_ids[1:2])
    if covering_of(program) is None:
        program = Program(instance, "coverage")
    try:
        milp = solve(program, gap=0.0, method="milp")
    except InfeasibleError:
        return
    for start in (None, [], milp.offers, ["nowhere:x"]):
        answer = solve(program, gap=0.0, start=start)
        assert answer.proof.objective == pytest.approx(milp.proof.objective)
        assert answer.subsidy_pkr <= milp.subsidy_pkr + 7.0
        for name in set(answer.offers) - set(instance.offer_ids[instance.offer_existing]):
            site = name.partition(":")[0]
            if site not in set(instance.site_ids[program.instance.required_sites]):
                assert lost_without(program, answer.offers, [site])[site] > 0  # none is idle


@pytest.mark.parametrize("seed", seeds(0, 15, 30))
def test_the_covering_of_a_plain_instance_counts_every_plan_as_it_does(seed):
    p = seed % 5
    tables = plain_town(seed, demands=12, density=0.4, existing=p > 0 and seed % 2 == 1)
    covering = covering_of_plain(PlainInstance.from_tables(*tables), p, 5.0)
    assert solve_covering(covering, gap=0.0).value == -best_sites("mclp", tables, p, 5.0)
