"""Plan a nation: solve its cities separately, and divide one budget among them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from siting.batch.pools import Workers
from siting.config import load_nation
from siting.interrupts import seen_through
from siting.nation.folder import read_answers, write_nation
from siting.nation.nation_plan import NationPlan, plan_of
from siting.nation.rounds import Report, Rounds
from siting.program.instance import Floats
from siting.writing import claimed_folder


class Nation(Rounds):
    """Cities that share one budget; each city has its own study.

    Parameters
    ----------
    config
        The nation's YAML file.
    overrides
        ``key.path=value`` strings that override keys of the file.
    workers
        Number of processes on this machine; None: one per core.
    dask
        Address of a Dask scheduler whose workers are used instead of local processes. All machines
        must have access to the files.
    progress
        Called with a line of text after each step.
    today
        The current date. The target year must not be before this date.
    earlier
        Folder of an earlier plan. The answers of cities that have not changed are reused.

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
        super().__init__(*asked, workers=Workers(workers, dask), progress=progress)
        if earlier is not None:
            self.rows = read_answers(Path(earlier), self)

    def solve(self, out: Path | str | None = None) -> NationPlan:
        """Return the plan of the nation, written to the new or empty folder `out` if it is given.

        Raises `InputError` if areas overlap or a city's floor exceeds its demand within reach, and
        `InfeasibleError` if no division meets all floors.
        """
        if out is not None:
            return self.to_folder(Path(out))[0]
        begun = time.perf_counter()
        with self.workers:
            return plan_of(self, self._found(), {}, time.perf_counter() - begun)

    def to_folder(
        self, out: Path | None = None, *, now: datetime | None = None
    ) -> tuple[NationPlan, Path]:
        """Return the plan of the nation and its folder, by default ``runs_dir/NAME-TIME``.

        `now` is the time in the folder's name. Once the budget is divided, Ctrl-C takes effect only
        after the folder is written; a second Ctrl-C stops at once. Errors are as for `solve`.
        """
        begun = time.perf_counter()
        now = now or datetime.now().astimezone()
        usual = self.config.output.runs_dir / f"{self.config.name}-{now:%Y%m%d-%H%M%S}"
        with seen_through() as wish, claimed_folder(out, usual) as (folder, place), self.workers:
            chosen = self._found()
            wish.at_stake = True
            return write_nation(self, chosen, folder, begun), place

    def _found(self) -> dict[str, tuple[Floats, dict[str, Any]]]:
        """Solve all cities and divide the budget; return the grant and the plan of each city."""
        self.prepare()
        self.ask_all()
        return self.chosen()
