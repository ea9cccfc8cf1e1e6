"""Questions to a finished plan: each calls the function of the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd


class Asking:
    """The questions to a `siting.Plan`, as its methods."""

    def explain(
        self, site: str | None = None, *, alternatives: int = 5, time_limit_s: float | None = None
    ) -> Any:
        """Return the reasons for a site's station, or for none; without a site, for all.

        Parameters
        ----------
        site
            Id or name: `siting.explain_site` answers. None: `siting.explain_plan` does.
        alternatives
            Number of near-best plans in which a site is looked for; 0: none.
        time_limit_s
            Time limit of each solve (s); by default 30 for a site, 20 for all.
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
        """Return the report's interactive map of a height (px): see `siting.explore`.

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
        """Return the plan made again with other requirements, and the changes: see `siting.replan`.

        Parameters
        ----------
        drop, require
            Sites, by id or name, without a station, and with one.
        budget_pkr
            Another budget (PKR).
        add
            A layer of further candidate places.
        answers
            A CSV of answers from the power company and bidders.
        out
            Folder for the new run; None: nothing is written.
        progress
            Called with an event when a stage is done; ``siting.show_progress()`` prints them.

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
        """Return the score of a layer of stations drawn elsewhere: see `siting.evaluate`.

        Parameters
        ----------
        sites
            The layer, as a file or in memory.
        names
            The layer's names of configurations or chargers, with the study's.
        same_stations
            Whether to limit the best plan to the layer's number of new stations.
        """
        return ask("evaluate", self, sites, names=names, same_stations=same_stations)

    def simulate(self, rules: Any = None) -> Any:
        """Return the plan's day driver by driver: see `siting.simulate`."""
        return ask("simulate", self, rules)

    def frontier(self, budgets_pkr: Sequence[float]) -> pd.DataFrame:
        """Return the energy of the best plan for each budget (PKR): see `siting.frontier`."""
        table: pd.DataFrame = ask("frontier", self, budgets_pkr)
        return table

    def save(self, folder: Path | str) -> Path:
        """Write the plan as a run folder, new or empty, and return it: see `siting.run`."""
        ask("run", self, out=folder)
        return Path(folder)


def ask(name: str, *given: Any, **how: Any) -> Any:
    """Return the result of the package's function of a name."""
    # The package's names load when used: a run, which makes plans, loads none of them.
    import siting

    return getattr(siting, name)(*given, **how)
