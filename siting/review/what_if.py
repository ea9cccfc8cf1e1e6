"""Evaluate a plan again, without a solve, after a user has changed its stations or budget.

`siting.review.evaluate.as_drawn` values the changed stations; only `WhatIf.solve` solves again.
"""

from __future__ import annotations

import math
import reprlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, Self

import pandas as pd

from siting.engine.marginal import Marginal
from siting.errors import InputError, SitingError, needs_extra
from siting.export import demand_layer
from siting.plan import Plan, status_text
from siting.program.program import Program
from siting.report import render, standing
from siting.review.evaluate import as_drawn
from siting.review.explore import map_alone
from siting.review.replan import replan, wishes_of
from siting.review.score import score, score_table, scores_in_words
from siting.study.queues import Waiting
from siting.study.report_page import record_of
from siting.study.revalue import in_the_end
from siting.study.stored_run import Source, study_of
from siting.study.to_program import instance_of

# The widget's own panel replaces the panel of the report's map.
_NO_PANEL = (
    "<style>.with-panel { display: block !important }"
    "aside, #plan-map > .quiet { display: none }</style>"
)
SCRIPT = files("siting.review") / "what_if.js"
SAME = "The same stations except for your changes; nothing else is re-optimised."


class WhatIf:
    """The plan of a run (a folder, a study or a plan) before and after a user's changes.

    The stations of the changed plan serve as much energy as they can in the last year, within the
    budget. The user's changes are in `drop` and `require` (sites, by id or name, that must not or
    must have a station) and `budget_pkr` (None: the study's budget). `before` and `plan` are the
    given and the changed plan, which have both passed the recount. `broken` has the rules that the
    changed plan breaks and the impossible wishes, and `told` says how the changed plan was found.

    Examples
    --------
    >>> asked = WhatIf(plan).wish(drop=["s0008"], budget_pkr=5e7)  # doctest: +SKIP
    >>> asked.figures  # doctest: +SKIP
    >>> asked.solve().broken  # doctest: +SKIP
    """

    def __init__(self, run: Source) -> None:
        self.study = study_of(run)
        self._waiting = Waiting.of(self.study)
        offers = self.study.offers
        site, old = offers.set_index("offer_id")["site_id"].astype(str), offers["existing"]
        self._built, self._existing = site[~old.to_numpy(bool)], site[old.to_numpy(bool)]
        self._required: dict[str, str] = {}
        self._valued: dict[tuple[frozenset[str], float | None], tuple[Plan, list[str]]] = {}
        self.drop: tuple[str, ...] = ()
        self.require: tuple[str, ...] = ()
        self.budget_pkr: float | None = None
        self.start_over()
        self.before = self.plan

    def start_over(self) -> Self:
        """Return to the given plan and discard all wishes (changes)."""
        self._stands = tuple(self.study.outcome.offers)
        return self.wish()

    def wish(
        self,
        *,
        drop: Sequence[str] = (),
        require: Sequence[str] = (),
        budget_pkr: float | None = None,
    ) -> Self:
        """Replace all earlier wishes (changes), and value the changed plan.

        A required site gets the affordable offer that serves the most energy or, if none is
        affordable, the offer with the smallest subsidy. Raises `InputError` if a site is unknown,
        or is both dropped and required.
        """
        keys, _ = wishes_of(self.study.config, self.study.candidates, drop, require, budget_pkr)
        gone = set(keys.get("program.limits.forbidden_sites", ()))
        wanted = keys.get("program.limits.required_sites", ())
        built = self._built[self._built.index.isin(self._stands) & ~self._built.isin(gone)]
        stands = dict(zip(built, built.index.astype(str), strict=True))
        lacking: list[str] = []
        for site in (site for site in wanted if site not in stands):
            offer = self._required.get(site)
            offer = offer or self._offer_at(site, self._with_existing(stands), budget_pkr)
            if offer is None:
                lacking.append(f"{site}: nothing can be built there")
            else:
                self._required[site] = stands[site] = offer
        self.plan, broken = self._value(self._with_existing(stands), budget_pkr)
        self.broken = [*lacking, *broken]
        self.drop, self.require, self.budget_pkr = tuple(drop), tuple(require), budget_pkr
        self.told = SAME
        return self

    def solve(self) -> Self:
        """Solve again with the user's wishes (`siting.replan`), and use the new plan's stations.

        An `InfeasibleError` lists the conflicting wishes if no plan meets them all.
        """
        drop, require, budget_pkr = self.drop, self.require, self.budget_pkr
        after = replan(self.study, drop=drop, require=require, budget_pkr=budget_pkr).after
        self._stands = tuple(after.outcome.offers)
        self._required = {}
        self.wish(drop=drop, require=require, budget_pkr=budget_pkr)
        self.told = f"Solved again: {status_text(after.outcome)}"
        return self

    @property
    def figures(self) -> pd.DataFrame:
        """The figures of both plans: ``figure``, ``unit``, ``before``, ``after``."""
        return score_table(self._scores())

    @property
    def figures_in_words(self) -> list[tuple[str, list[str]]]:
        """The figures of both plans as text, including the unspent budget."""
        usual_pkr = self.study.program.money_pkr if self.study.asked.budgeted else math.inf
        now_pkr = usual_pkr if self.budget_pkr is None else self.budget_pkr
        left = [
            f"{(pkr - plan.outcome.subsidy_pkr) / 1e6:,.2f}" if math.isfinite(pkr) else "no budget"
            for pkr, plan in ((usual_pkr, self.before), (now_pkr, self.plan))
        ]
        return [*scores_in_words(self._scores()), ("Money left, PKR m", left)]

    def _scores(self) -> dict[str, dict[str, Any]]:
        plans = {"before": self.before, "after": self.plan}
        return {name: score(plan, self._waiting) for name, plan in plans.items()}

    def _with_existing(self, new: Mapping[str, str]) -> tuple[str, ...]:
        """Return the offers in `new` (by site), and the existing stations at all other sites."""
        return (*self._existing.index[~self._existing.isin(list(new))], *new.values())

    def _value(self, stands: tuple[str, ...], budget_pkr: float | None) -> tuple[Plan, list[str]]:
        key = (frozenset(stands), budget_pkr)
        if key not in self._valued:
            self._valued[key] = as_drawn(self.study, stands, budget_pkr, self.study.plan)
        return self._valued[key]

    def _offer_at(self, site: str, stands: tuple[str, ...], budget_pkr: float | None) -> str | None:
        """Return the offer to add at a site; None if no offer can be built there."""
        money = self.study.program.money_pkr if budget_pkr is None else budget_pkr
        asked = replace(in_the_end(self.study.asked, money), limits=(), required=(), forbidden=())
        able = Marginal(Program(instance_of(asked), "capacitated"), stands).offers_at(site)
        able = able[able["offer_id"].isin(self._built.index)]
        if able.empty:
            return None
        left = money - self._value(stands, budget_pkr)[0].outcome.subsidy_pkr
        affordable = able[able["subsidy_pkr"] <= left]
        if affordable.empty:
            affordable = able.sort_values("subsidy_pkr", kind="stable")
        return str(affordable["offer_id"].iloc[0])


class Board:
    """A `WhatIf` for a page in a browser; they exchange only JSON."""

    def __init__(self, run: Source) -> None:
        self.asked = WhatIf(run)
        self._stored = record_of(run)

    def begin(self) -> dict[str, Any]:
        """Return what the page first shows: ``page``, ``sites``, ``wishes``, ``state``."""
        candidates = self.asked.study.candidates
        taken = candidates["site_id"].isin(list(self._stored.sites["site_id"]))
        page = map_alone(render(self._stored, free=candidates[~taken].to_crs(4326)))
        named = candidates[["site_id", "name"]].astype("str").fillna("").itertuples(index=False)
        return {
            "page": page.replace("</head>", f"{_NO_PANEL}</head>", 1),
            "sites": [{"id": site, "name": name} for site, name in named],
            "wishes": {"drop": [], "require": [], "budget_pkr": None},
            "state": self._state(),
        }

    def follow(self, wishes: Mapping[str, Any]) -> dict[str, Any]:
        """Apply wishes (``solve``: solve again; ``again``: discard all), and return the state."""
        begun = time.perf_counter()
        try:
            if not isinstance(wishes, Mapping):
                what = "is not a mapping with the keys drop, require and budget_pkr"
                raise InputError("wishes", f"{reprlib.repr(wishes)} {what}")
            wishes = {"drop": (), "require": (), "budget_pkr": None, **wishes}
            if wishes.get("again"):
                self.asked.start_over()
            else:
                self.asked.wish(**{key: wishes[key] for key in ("drop", "require", "budget_pkr")})
            if wishes.get("solve"):
                self.asked.solve()
        except SitingError as err:
            return {**self._state(), "told": str(err)}
        state = self._state()
        return {**state, "told": f"{state['told']} {time.perf_counter() - begun:.1f} s"}

    def _state(self) -> dict[str, Any]:
        plan = self.asked.plan
        layer, sites = demand_layer(plan.cells, plan.demand), plan.sites.to_crs(4326)
        return {
            "told": self.asked.told,
            "figures": [[what, *texts] for what, texts in self.asked.figures_in_words],
            "broken": self.asked.broken,
            "new": plan.new_sites["site_id"].astype(str).tolist(),
            "map": standing(sites, layer, plan.service, self._stored),
        }


def what_if(run: Source, height_px: int = 560) -> Any:
    """Return a widget that evaluates a plan again if its stations or its budget are changed.

    The figures update immediately, because the changed stations are valued without a solve. A
    button solves again. `siting.review.what_if.WhatIf` does the same without a notebook.

    Parameters
    ----------
    run
        A run folder, a study or a plan.
    height_px
        Height of the map (pixels).

    Returns
    -------
    anywidget.AnyWidget
        The widget, which works offline. Its attribute ``asked`` is the underlying `WhatIf`.

    Raises
    ------
    MissingExtraError
        If the packages of the extras ``notebook`` and ``report`` are not installed.

    Examples
    --------
    >>> what_if("runs/islamabad")  # doctest: +SKIP
    """
    with needs_extra("notebook", "anywidget", "is needed for the what-if widget in a notebook"):
        import anywidget
        import traitlets
    board = Board(run)
    traits: dict[str, Any] = {
        "page": traitlets.Unicode(),
        "height_px": traitlets.Int(),
        "sites": traitlets.List(traitlets.Dict()),
        "wishes": traitlets.Dict(),
        "state": traitlets.Dict(),
    }
    synced = {name: one.tag(sync=True) for name, one in traits.items()}
    script = {"_esm": SCRIPT.read_text(encoding="utf-8")}
    # The class is defined here, so that only users of the widget need anywidget.
    made: Any = type("WhatIfWidget", (anywidget.AnyWidget,), script | synced)
    widget = made(height_px=height_px, **board.begin())
    widget.asked = board.asked
    widget.observe(lambda change: setattr(widget, "state", board.follow(change["new"])), "wishes")
    return widget
