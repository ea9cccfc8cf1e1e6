"""What can be asked of a plan once it is made: each asks the function of that name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd


class Asking:
    """The questions a `siting.Plan` answers as its methods."""

    def explain(
        self, site: str | None = None, *, alternatives: int = 5, time_limit_s: float | None = None
    ) -> Any:
        """Return why a site, by id or name, gets its station or none; without one, of all.

        Parameters
        ----------
        site
            Id or name: `siting.explain_site` answers. None: `siting.explain_plan` does.
        alternatives
            How many near-best plans a site is looked for in; 0: none are made.
        time_limit_s
            What each solve may take (s); by default 30 for a site, 20 for all.
        """
        limit = {} if time_limit_s is None else {"time_limit_s": time_limit_s}
        if site is None:
            return ask("explain_plan", self, **limit)
        return ask("explain_site", self, site, alternatives=alternatives, **limit)

    def summary(self) -> pd.Series:
        """Return the plan's main figures by name: its row of `siting.side_by_side`.

        Examples
        --------
        >>> plan.summary()["served_kwh_day"]  # doctest: +SKIP
        """
        figures: pd.Series = ask("side_by_side", {"plan": self}).iloc[0]
        return figures

    def explore(self, height_px: int = 720) -> Any:
        """Return the report's map to move about in, in a cell of this height: see `siting.explore`.

        It needs no network; ``.save("map.html")`` writes it.
        """
        return ask("explore", self, height_px)

    def replan(
        self,
        *,
        drop: Sequence[str] = (),
        require: Sequence[str] = (),
        budget_pkr: float | None = None,
        add: Path | str | None = None,
        answers: Path | str | None = None,
        out: Path | str | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return the plan made anew with other wishes, and what changes: see `siting.replan`.

        Parameters
        ----------
        drop, require
            Sites, by id or name, that must get no station, and that must get one.
        budget_pkr
            Another budget (PKR).
        add
            A layer of further places where a station could stand.
        answers
            A CSV of what the power company and bidders answered.
        out
            A folder to write the new run to; none: nothing is written.
        progress
            Called with an event when a stage is done; ``siting.show_progress()`` shows them.

        Examples
        --------
        >>> plan.replan(drop=["s0008"], budget_pkr=7e7).changes  # doctest: +SKIP
        """
        return ask(
            "replan",
            self,
            drop=drop,
            require=require,
            budget_pkr=budget_pkr,
            add=add,
            answers=answers,
            out=out,
            progress=progress,
        )

    def what_if(self, height_px: int = 560) -> Any:
        """Return a widget to drop or require stations and move the money: see `siting.what_if`."""
        return ask("what_if", self, height_px)

    def compare(self, other: Any) -> Any:
        """Return the plan beside another, or beside a run folder: see `siting.compare`."""
        return ask("compare", {"this": self, "other": other})

    def evaluate(
        self,
        sites: Any,
        *,
        names: Mapping[str, str] | None = None,
        same_stations: bool = False,
    ) -> Any:
        """Return what a layer of stations drawn elsewhere is worth here: see `siting.evaluate`.

        Parameters
        ----------
        sites
            The layer, as a file or in memory.
        names
            What the layer calls configurations or chargers, and what the study calls them.
        same_stations
            Whether the best plan may have no more new stations than the layer.
        """
        return ask("evaluate", self, sites, names=names, same_stations=same_stations)

    def simulate(self, rules: Any = None) -> Any:
        """Return the plan's day driver by driver: see `siting.simulate`."""
        return ask("simulate", self, rules)

    def frontier(self, budgets_pkr: Sequence[float]) -> pd.DataFrame:
        """Return what the best plan for each budget (PKR) serves: see `siting.frontier`."""
        table: pd.DataFrame = ask("frontier", self, budgets_pkr)
        return table

    def save(self, folder: Path | str) -> Path:
        """Write the plan as a run folder, new or empty, and return it: see `siting.run`."""
        ask("run", self, out=folder)
        return Path(folder)


def ask(name: str, *given: Any, **how: Any) -> Any:
    """Return what the package's function of a name says."""
    # The package's names load when they are used: a run, which makes plans, loads none of them.
    import siting

    return getattr(siting, name)(*given, **how)
