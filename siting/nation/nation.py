"""A nation on one budget: its cities asked, the money divided, the plan written."""

from __future__ import annotations

import time
from pathlib import Path

from siting.nation.folder import write_nation
from siting.nation.plan import NationPlan, plan_of
from siting.nation.rounds import Rounds


class Nation(Rounds):
    """Cities on one budget, each a study of its own.

    Parameters
    ----------
    config
        The nation's YAML file.
    overrides
        ``key.path=value`` texts that replace keys of the file.
    workers
        Processes of this machine; none: one a core.
    dask
        Address of a Dask scheduler to work on in their place; all machines see the same files.
    progress
        Called with one line for each thing done.
    today
        The day on which the target year must not lie in the past.
    earlier
        The folder of an earlier plan: what its cities answered holds where they are the same.

    Examples
    --------
    >>> nation = Nation("configs/nation.yaml")  # doctest: +SKIP
    >>> plan = nation.solve("runs/nation")  # doctest: +SKIP
    >>> plan.cities[["city", "granted_pkr", "served_kwh_day"]]  # doctest: +SKIP
    """

    def solve(self, out: Path | str | None = None) -> NationPlan:
        """Return the plan of the nation, written to a folder if one is named.

        Parameters
        ----------
        out
            The folder: new, or empty.

        Raises
        ------
        InputError
            If areas overlap, or more is asked of a city than is in its reach.
        InfeasibleError
            If no division keeps to all floors.
        """
        begun = time.perf_counter()
        with self.workers:
            self.prepare()
            self.ask_all()
            chosen = self.chosen()
            if out is None:
                return plan_of(self, chosen, {}, time.perf_counter() - begun)
            return write_nation(self, chosen, Path(out), begun)
