"""First plans for an aim: constructed, rounded from a relaxation, or made from an earlier plan."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np

from siting import settings
from siting.engine.construct import Constructor
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent
from siting.engine.parallel import in_parallel
from siting.engine.relaxed_floors import viable
from siting.engine.search import exchange, fill, round_relaxed
from siting.engine.station_bound import row_prices
from siting.engine.valuer import State
from siting.engine.windows import Windows
from siting.program.instance import Floats, Ints


def first_plan(inc: Incumbent) -> None:
    """Repair the earlier plan, or construct one."""
    valuer = inc.valuer
    if inc.start is not None:
        mend(inc, inc.start)
    if inc.choice is not None:
        # Sites that were good without decay may be bad with decay, so another plan is constructed.
        if valuer is None and inc.coarse and inc.frame.service.near:
            construct(inc)
        return
    if valuer is None or inc.heavy:
        inc.weighed(inc.frame.kept)
        program = inc.frame.program
        # With years, money has a different price in each year.
        at_prices = program.gap is None and inc.frame.aim.of_worth and program.year_plan is not None
        if inc.coarse:
            (construct_at_prices if at_prices else construct)(inc)
        return
    construct(inc)
    begun = inc.frame.by_site(inc.frame.kept if inc.choice is None else inc.choice)
    inc.keep_state(fill(valuer, valuer.at(begun), inc.clock))


def mend(inc: Incumbent, start: Ints) -> None:
    """Restore an earlier plan option by option, but leave out options that do not fit."""
    choice = inc.room.taking(inc.frame.nothing, start.tolist())
    if inc.valuer is not None:
        state = inc.valuer.at(np.where(choice >= 0, choice, inc.frame.by_site(inc.frame.kept)))
        inc.keep_state(state)
        inc.keep_state(fill(inc.valuer, state, inc.clock))
        return
    begun = choice[choice >= 0]
    if not math.isfinite(inc.weighed(begun)):  # e.g. the budget is now too small for all stations
        _keep_viable(inc, begun)


def _keep_viable(inc: Incumbent, choice: Ints) -> None:
    """Reduce an infeasible choice to its viable stations."""
    if inc.frame.program.gap is not None:
        left = viable(inc.frame, choice, inc.clock, hurried=True)
        if left is not None:
            inc.weighed(left)


def construct(inc: Incumbent) -> None:
    """Construct a plan; if the aim minimises money, search for cheaper plans by bisection."""
    constructor = Constructor(inc.master.cutter, inc.room)
    inc.constructed = choice = constructor.run(inc.clock)
    feasible = math.isfinite(inc.weighed(choice))
    if not feasible:
        _begin_small(inc, constructor)
    if not inc.frame.aim.of_money or not feasible:
        return
    money = inc.frame.money
    low, high = 0.0, float(money[choice].sum())
    for _ in range(settings.HALVINGS):
        if inc.done:
            return
        most = (low + high) / 2
        choice = Constructor(inc.master.cutter, inc.room, most).run(inc.clock)
        if math.isfinite(inc.weighed(choice)):
            high = min(most, float(money[choice].sum()))
        else:
            low = most


def _begin_small(inc: Incumbent, constructor: Constructor) -> None:
    """Reduce an infeasible constructed plan to its viable stations or else its first station."""
    _keep_viable(inc, inc.constructed)
    if not inc.begun and constructor.first >= 0:
        alone = inc.frame.by_site(inc.frame.kept)
        alone[inc.frame.site[constructor.first]] = constructor.first
        inc.weighed(alone[alone >= 0])


def construct_at_prices(inc: Incumbent) -> None:
    """Construct a plan at the prices of the first cuts, which show when money is scarce."""
    relaxed, bound = inc.master.tighten(settings.PRICE_ROUNDS, 0.0)
    inc.infeasible = bound == -math.inf
    inc.limit(bound)
    if inc.infeasible or inc.done:
        return
    scarce = np.zeros(0) if relaxed is None else inc.master.scarce()
    if not scarce.any():
        construct(inc)
        return
    inc.constructed = Constructor(inc.master.cutter, inc.room, scarce=scarce).run(inc.clock)
    inc.weighed(inc.constructed)


def round_plans(inc: Incumbent, taken: Floats) -> None:
    """Make plans by rounding a relaxation."""
    valuer = inc.valuer
    if valuer is None:
        round_plainly(inc, taken)
        return
    for least in settings.ROUND_FROM:
        if not inc.clock.over:
            inc.keep_state(round_relaxed(valuer, taken, least, inc.clock))
    if inc.choice is not None and not inc.done:
        improve(inc, valuer.at(inc.frame.by_site(inc.choice)))


def round_plainly(inc: Incumbent, taken: Floats) -> None:
    """Add options in descending order of their values in a relaxation, as long as they fit."""
    order = np.argsort(-taken, kind="stable")
    order = order[taken[order] >= 0.25]
    choice = inc.room.taking(inc.frame.nothing, order.tolist())
    inc.weighed(choice[choice >= 0])


# A choice to make viable, and whether to drop all stations with a shortfall at the first check.
type Start = tuple[Ints, bool]


def round_viable(inc: Incumbent, starts: Iterable[Start]) -> None:
    """Make viable plans from new choices, in parallel, until the gap is proven or time is up."""
    new = (start for start in starts if inc.is_new(start[0]))
    while not inc.done:
        some = [
            partial(viable, inc.frame, choice, at_once=at_once)
            for choice, at_once in islice(new, inc.effort.threads)
        ]
        if not some:
            return
        for plan in in_parallel(some, inc.clock):
            if plan is not None:
                inc.plans.add(plan, inc.weighed(plan, late=True))


def build(inc: Incumbent, nth: int = 0) -> None:
    """Build a plan area by area at a relaxation's prices; `nth` is added to the random seed.

    Nothing is built if areas cannot be solved quickly.
    """
    frame = inc.frame
    slow = not frame.layout.by_pair or frame.program.year_plan is not None
    if inc.prices is None or frame.reached or slow:
        return
    nothing = np.zeros(frame.matrix.a.shape[1])
    threads, seed = inc.effort.threads, inc.effort.seed + nth
    windows = Windows(inc.tight, nothing, inc.taken, inc.clock, threads=threads, seed=seed)
    whole = windows.build(row_prices(inc.tight, inc.prices))
    choice, value = take(inc, windows.choice)
    inc.plans.add(choice, value)
    inc.built |= whole and math.isfinite(value)


def whole_stations(inc: Incumbent, relaxations: list[Floats]) -> Iterator[Start]:
    """Yield choices made from relaxations, the latest first; used relaxations leave the list.

    If a relaxation spreads its stations over many sites, two more choices come first: a choice with
    one site in each cluster, and a choice with every site whose value is above 0.
    """
    while relaxations:
        taken = relaxations.pop()
        most, value = _by_site(inc.frame, taken)
        if (value >= settings.WHOLE_FROM[-1]).sum() < taken.sum() / 2:
            yield most[_centres(inc.frame, value)], False
            yield most[value >= settings.SIGNIFICANT], True
        for least in settings.WHOLE_FROM:
            yield most[value >= least], False


def drawn_stations(inc: Incumbent, relaxations: Sequence[Floats]) -> Iterator[Start]:
    """Yield choices of one site per cluster, sampled in proportion to values in a relaxation.

    The relaxations take turns; a relaxation is dropped once its sample repeats an earlier sample.
    """
    rng, drawn = np.random.default_rng(inc.effort.seed), set[bytes]()
    left = deque(_by_site(inc.frame, taken) for taken in relaxations)
    while left:
        most, value = left.popleft()
        choice = most[_centres(inc.frame, value, rng)]
        if choice.tobytes() not in drawn:
            drawn.add(choice.tobytes())
            yield choice, False
            left.append((most, value))


def _by_site(frame: Frame, taken: Floats) -> tuple[Ints, Floats]:
    """Return, for each site, the option with the largest value and the sum of all option values."""
    order = np.argsort(-taken, kind="stable")
    sites, first = np.unique(frame.site[order], return_index=True)
    most = np.full(frame.sites, -1)
    most[sites] = order[first]
    return most, np.bincount(frame.site, taken, minlength=frame.sites)


def _centres(frame: Frame, value: Floats, rng: np.random.Generator | None = None) -> Ints:
    """Return the centres of clusters of sites; a cluster has about one station of a relaxation.

    A centre is the site with the largest value or, with `rng`, a site sampled in proportion to its
    value. The centre's value is removed first, and then the values of the sites that share most
    demand with the centre, until the removed values add up to one station. The values that remain
    give the next centre.
    """
    near, left, centres = frame.shared_demand, value.copy(), []
    own = np.sqrt(np.maximum(near.diagonal(), settings.SIGNIFICANT))
    while left.max() > settings.SIGNIFICANT:
        j = int(left.argmax() if rng is None else rng.choice(len(left), p=left / left.sum()))
        entries = slice(near.indptr[j], near.indptr[j + 1])
        sites = near.indices[entries]
        sites = sites[np.argsort(-near.data[entries] / own[sites], kind="stable")]
        sites = np.concatenate([[j], sites[sites != j]])
        before = np.cumsum(left[sites]) - left[sites]
        takes = np.clip(1.0 - before, 0.0, left[sites])
        left[sites] -= takes
        if takes.sum() >= 0.5:
            centres.append(j)
    return np.sort(np.array(centres, dtype=np.int64))


def take(inc: Incumbent, choice: Ints) -> tuple[Ints, float]:
    """Return the plan made from a choice, and its value (-inf if infeasible).

    Stations that get too little money for their viability gaps are made smaller or dropped.
    """
    value = inc.weighed(choice, late=True)
    if inc.frame.program.gap is not None and not math.isfinite(value):
        mended = viable(inc.frame, choice, inc.clock)
        if mended is not None:
            return mended, inc.weighed(mended, late=True)
    return choice, value


def improve(inc: Incumbent, state: State) -> None:
    """Keep a choice, then improve it by exchanges and keep the result."""
    assert inc.valuer is not None
    inc.keep_state(state)
    inc.keep_state(exchange(inc.valuer, state, inc.clock, enough=inc.enough))
