"""What a plan would serve without one of its stations, and with another: worked out one by one.

The value of a plan is the most energy its stations can serve, so that without one of them the
others take of its drivers what they can; what is lost then is the station's marginal energy. It is
not what the station serves: a station among strong neighbours serves much and is missed little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from siting.models.merge import merge_equal_reach
from siting.program.instance import Floats, Instance, Ints
from siting.solve.service import check_model
from siting.solve.valuer import State, Valuer
from siting.solve.without import lost_without

# Changes whose bound is good are valued one by one, so many at most.
MOST_VALUED = 60
COLUMNS = ("site_id", "offer_id", "value_kwh_day", "gain_kwh_day", "subsidy_pkr")


class Marginal:
    """A plan, and what changes of one station do to the energy it serves (kWh/day).

    Parameters
    ----------
    instance
        The data of the program.
    offers
        Ids of the offers of the plan, existing ones included.
    model
        ``capacitated`` or ``coverage``.
    """

    def __init__(
        self, instance: Instance, offers: Iterable[str], model: str = "capacitated"
    ) -> None:
        check_model(model)
        self.instance = instance
        self._valuer = Valuer(
            instance, merge_equal_reach(instance), capacitated=model != "coverage"
        )
        valuer = self._valuer
        self._offers, self._model = tuple(offers), model
        chosen = instance.positions_of(self._offers)
        self._choice = valuer.choice_of(chosen)
        # An offer that another at its site outdoes in all is no option of the search.
        self.all_known = bool(np.array_equal(valuer.offers_of(self._choice), chosen))
        self._position = {str(name): n for n, name in enumerate(instance.site_ids)}
        self.value_kwh_day = valuer.value(self._choice)

    def losses(self) -> pd.Series[float]:
        """Return the energy lost without each station of the plan, by ``site_id`` (kWh/day)."""
        built = self.instance.site_ids[self._choice > 0].astype(str)
        lost = lost_without(self.instance, self._offers, built, self._model)
        index = pd.Index(built, name="site_id")
        return pd.Series(list(lost.values()), index=index, name="marginal_kwh_day", dtype=float)

    def offers_at(self, site: str) -> pd.DataFrame:
        """Return what the plan would serve with each offer at a site, all else the same.

        Returns
        -------
        DataFrame
            ``site_id``, ``offer_id``, ``value_kwh_day``, ``gain_kwh_day`` (against the plan),
            ``subsidy_pkr``; best first.
        """
        j = self._position[site]
        rows = []
        for option in range(1, self._valuer.option_offer.shape[1]):
            if self._valuer.option_offer[j, option] >= 0:
                choice = self._choice.copy()
                choice[j] = option
                rows.append(self._row(j, option, self._valuer.value(choice), self.value_kwh_day))
        return _table(rows)

    def best_elsewhere(
        self, without: Collection[str], budget_pkr: float, count: int = 3
    ) -> pd.DataFrame:
        """Return the best single stations in place of some of the plan, as `offers_at` does.

        Only those that the limits and the budget have room for once the others are gone; one row a
        site, ``gain_kwh_day`` against the plan without them.

        Parameters
        ----------
        without
            Sites that go.
        budget_pkr
            Public money there is (PKR).
        count
            Rows at most.
        """
        valuer = self._valuer
        gone = [self._position[site] for site in without]
        state = valuer.at(self._without(gone))
        left = budget_pkr - valuer.spent(state.choice)
        allowed = valuer.valid & valuer.room.fits(state.choice) & (valuer.subsidy <= left + 0.5)
        allowed &= (state.choice == 0)[:, None]
        allowed[gone] = False
        allowed[:, 0] = False
        return self._best(state, np.where(allowed, state.upper, -np.inf), count)

    def _best(self, state: State, upper: Floats, count: int) -> pd.DataFrame:
        """Return the best options by exact value, going down their bounds; one row a site."""
        valuer = self._valuer
        best: dict[int, dict[str, object]] = {}
        for flat in np.argsort(-upper, axis=None, kind="stable")[:MOST_VALUED].tolist():
            j, option = divmod(flat, upper.shape[1])
            values = sorted(
                (float(str(row["value_kwh_day"])) for row in best.values()), reverse=True
            )
            if upper.flat[flat] == -np.inf or (
                len(values) >= count and upper.flat[flat] < values[count - 1]
            ):
                break
            choice = state.choice.copy()
            choice[j] = option
            row = self._row(j, option, valuer.value(choice), state.value)
            if j not in best or _order(row) < _order(best[j]):
                best[j] = row
        rows = [row for row in best.values() if float(str(row["gain_kwh_day"])) > valuer.noise]
        return _table(rows).head(count)

    def _without(self, sites: Collection[int]) -> Ints:
        choice = self._choice.copy()
        choice[list(sites)] = 0
        return choice

    def _row(self, site: int, option: int, value: float, before: float) -> dict[str, object]:
        offer = int(self._valuer.option_offer[site, option])
        return {
            "site_id": str(self.instance.site_ids[site]),
            "offer_id": str(self.instance.offer_ids[offer]),
            "value_kwh_day": value,
            "gain_kwh_day": value - before,
            "subsidy_pkr": float(self.instance.offer_subsidy[offer]),
        }


def _order(row: dict[str, object]) -> tuple[float, float, str]:
    value, pkr = float(str(row["value_kwh_day"])), float(str(row["subsidy_pkr"]))
    return (-round(value, 6), pkr, str(row["offer_id"]))


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    ordered: list[dict[str, object]] = sorted(rows, key=_order)
    return pd.DataFrame(ordered, columns=list(COLUMNS))
