"""The relaxed program of a covering solved by cuts, round after round.

Each round separates at a point between the optimum of the cuts so far and one that is good inside:
cuts made there are deeper. Cuts that do not bind are taken out every few rounds.

Source: M. Fischetti, I. Ljubic, M. Sinnl: Redesigning Benders decomposition for large-scale
facility location. Management Science 63 (2017), 2146-2162.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.master import Master, Point, zones_of
from siting.engine.covering.prices import Prices
from siting.program.instance import Floats

ROUNDS, PURGE_EVERY, HEAR_EVERY = 1000, 12, 10
# How far the point of a round is towards the optimum, and how far the inner point follows.
TOWARDS, FOLLOWS = 0.8, 0.5
# The optimum is separated as well where the other gives fewer cuts than this share of the zones.
FEW = 0.1


@dataclass(frozen=True, eq=False)
class Cuts:
    """The program of the cuts, its last optimum, the best bound, rounds made, and what is taken."""

    master: Master
    point: Point | None
    bound: float
    rounds: int
    taken: Floats


def cut_down(
    covering: Covering,
    prices: Prices,
    clock: Clock,
    zones: int,
    accuracy: float,
    *,
    seed: int,
    hear: Callable[[float, Floats], bool] = lambda bound, taken: False,
) -> Cuts:
    """Return the relaxed program, solved to an accuracy.

    Parameters
    ----------
    covering
        Rows and options, nothing forced.
    prices
        Prices of the rows: the first cuts.
    clock
        Stops it early.
    zones
        Zones at most.
    accuracy
        Share of the optimum by which the bound may be above it.
    seed
        Random seed of HiGHS.
    hear
        Called now and then with the bound and how much of each option is taken; says whether to
        stop.
    """
    master = Master(covering, zones_of(covering, zones), clock, seed)
    master.add_prices(prices.price)
    inner, bound = prices.taken, prices.bound
    point: Point | None = None
    for count in range(ROUNDS):
        now = master.solve()
        if now is None:
            return Cuts(master, point, bound, count, inner)
        point, bound = now, min(bound, now.bound)
        if count % PURGE_EVERY == PURGE_EVERY - 1:
            master.purge()
        if count % HEAR_EVERY == HEAR_EVERY - 1 and hear(bound, point.taken):
            break
        mixed = TOWARDS * point.taken + (1 - TOWARDS) * inner
        inner = FOLLOWS * point.taken + (1 - FOLLOWS) * inner
        value, made = master.separate(mixed, point.held, accuracy)
        if made < FEW * len(master.zones):
            value, own = master.separate(point.taken, point.held, accuracy)
            if point.bound - value <= accuracy * point.bound or made + own == 0:
                break
    if point is not None:
        inner = point.taken
        hear(bound, inner)
    return Cuts(master, point, bound, count + 1, inner)
