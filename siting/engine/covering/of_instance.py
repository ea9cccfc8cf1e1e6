"""Programs of the other rooms solved as coverings, where they are one: coverage, and p sites."""

from __future__ import annotations

from siting.classics.plain import PlainInstance
from siting.classics.uncapacitated import Found
from siting.engine.clock import Clock
from siting.engine.covering.covering import covering_of, covering_of_plain
from siting.engine.covering.run import CoveringRun
from siting.models.merge import MergedDemand
from siting.program.instance import Instance, Ints


def cover(
    instance: Instance, demand: MergedDemand, clock: Clock, gap: float, seed: int
) -> tuple[Ints, float, int] | None:
    """Return the offers that serve most, a bound on any plan's (kWh/day), and nodes of the tree.

    None where the program has more to it than a covering: limits beside the budget, or a required
    site with a choice of offers.

    Parameters
    ----------
    instance, demand
        The data of the program, and its merged demand.
    clock, gap, seed
        As for `siting.engine.covering.solve.solve_covering`. After Ctrl-C the clock is interrupted,
        and the best offers so far are returned.
    """
    if instance.limit_names:
        return None
    covering, offers = covering_of(instance, demand)
    if not covering.allows(covering.forced):
        return None
    run = CoveringRun(covering, clock, gap, seed)
    try:
        run.work()
    except KeyboardInterrupt:
        clock.interrupted = True
    return offers[run.chosen], run.bound, run.nodes


def cover_plain(
    instance: PlainInstance, p: int, radius: float, clock: Clock, gap: float, seed: int
) -> Found:
    """Return the sites that cover most weight, and bounds, as costs: weight that is not covered.

    Parameters
    ----------
    instance
        The data; more existing sites than `p` are refused by whoever calls.
    p, radius
        As for `siting.classics.mclp`.
    clock, gap, seed
        As for `cover`.
    """
    covering = covering_of_plain(instance, p, radius)
    run = CoveringRun(covering, clock, gap, seed)
    try:
        run.work()
    except KeyboardInterrupt:
        clock.interrupted = True
    total = float(instance.weight.sum())
    chosen = instance.existing.copy()
    chosen[run.chosen] = True
    return Found(chosen, total - run.value, total - run.bound, run.nodes)
