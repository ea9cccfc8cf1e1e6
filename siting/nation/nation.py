"""A nation on one budget: its cities asked, the money divided, the plan written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from siting.config import load_nation
from siting.nation.earlier import read_answers
from siting.nation.folder import write_nation
from siting.nation.plan import NationPlan, plan_of
from siting.nation.rounds import Report, Rounds


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

    def __init__(
        self,
        config: Path | str,
        overrides: Sequence[str] = (),
        *,
        workers: int | None = None,
        dask: str | None = None,
        progress: Report | None = None,
        today: date | None = None,
        earlier: Path | str | None = None,
    ) -> None:
        asked = load_nation(Path(config), overrides, today)
        super().__init__(*asked, workers=workers, dask=dask, progress=progress)
        if earlier is not None:
            self.rows = read_answers(Path(earlier), self.studies)

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
