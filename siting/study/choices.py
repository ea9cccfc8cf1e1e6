"""The choices at a site by name: the configurations and sizes in force."""

from __future__ import annotations

import pandas as pd

from siting import sites
from siting.config.offers import Offers, choices_of


def configurations_of(
    offers: Offers, chargers: pd.DataFrame | None = None
) -> dict[str, dict[str, int]]:
    """Return each set of chargers that may stand at a site: name, then charger type and number.

    Sizes are among them, by the names that their offers have. `chargers` is the catalogue, by
    default read as `offers` says.
    """
    if chargers is None:
        chargers = sites.charger_catalogue(offers.chargers_csv)
    return sites.with_sizes(*choices_of(offers), chargers)


def charger_types(offers: Offers) -> set[str]:
    """Return the charger types used in the choices at a site."""
    configurations, sizes = choices_of(offers)
    return {*sizes, *(name for counts in configurations.values() for name in counts)}
