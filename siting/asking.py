"""What can be asked of a plan once it is made: each asks the function of that name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd


class Asking:
    """The questions a `siting.Plan` answers as its methods."""

    def explain(self, site: str | None = None, **how: Any) -> Any:
        """Return why a site, by id or name, gets its station or none; without one, of all.

        See `siting.explain_site` and `siting.explain_plan`, which say what `how` may be.
        """
        if site is None:
            return _ask("explain_plan", self, **how)
        return _ask("explain_site", self, site, **how)

    def explore(self, height_px: int = 720) -> Any:
        """Return the report's map to move about in, in a cell of this height: see `siting.explore`.

        It needs no network; ``.save("map.html")`` writes it.
        """
        return _ask("explore", self, height_px)

    def replan(self, **wishes: Any) -> Any:
        """Return the plan made anew with other wishes, and what changes: see `siting.replan`.

        Examples
        --------
        >>> plan.replan(drop=["s0008"], budget_pkr=7e7).changes  # doctest: +SKIP
        """
        return _ask("replan", self, **wishes)

    def what_if(self, height_px: int = 560) -> Any:
        """Return a widget to drop or require stations and move the money: see `siting.what_if`."""
        return _ask("what_if", self, height_px)

    def compare(self, other: Any) -> Any:
        """Return the plan beside another, or beside a run folder: see `siting.compare`."""
        return _ask("compare", {"this": self, "other": other})

    def evaluate(self, sites: Any, **how: Any) -> Any:
        """Return what a layer of stations drawn elsewhere is worth here: see `siting.evaluate`."""
        return _ask("evaluate", self, sites, **how)

    def simulate(self, rules: Any = None) -> Any:
        """Return the plan's day driver by driver: see `siting.simulate`."""
        return _ask("simulate", self, rules)

    def frontier(self, budgets_pkr: Sequence[float]) -> pd.DataFrame:
        """Return what the best plan for each budget (PKR) serves: see `siting.frontier`."""
        table: pd.DataFrame = _ask("frontier", self, budgets_pkr)
        return table

    def save(self, folder: Path | str) -> Path:
        """Write the plan as a run folder, new or empty, and return it: see `siting.run`."""
        _ask("run", self, out=folder)
        return Path(folder)


def _ask(name: str, *given: Any, **how: Any) -> Any:
    # The package's names load when they are used: a run, which makes plans, loads none of them.
    import siting

    return getattr(siting, name)(*given, **how)
