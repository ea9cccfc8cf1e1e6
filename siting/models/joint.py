"""Several instances as one: years or scenarios that share sites and offers, not demand.

Years and scenarios are *slices*: each has a demand of its own, the offers that stand in it serve
that demand, and no energy moves from one slice to another. `join` writes them as one `Instance`
whose vehicle classes and charger groups carry the number of their slice, so that chargers of slice
``k`` serve demand of slice ``k`` only. What is chosen in the joint instance is an *option*: it
belongs to a site and says which offer stands there in each slice.

- Scenarios: one option an offer, standing in every slice, as a plan is made before it is known
  which scenario comes true.
- Years: one option for each course of events at a site, such as "nothing in 2027, the small offer
  from 2028 on" (`siting.models.phased`).

As the slices have no charger group in common, they fall apart into parts that are valued and
bounded on their own (`siting.solve.valuer`), whatever joins them in the objective.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting.errors import Fault
from siting.program.instance import Flags, Floats, Instance, Ints, Names


@dataclass(frozen=True, eq=False)
class Options:
    """What can be chosen at the sites, and what each choice means in each slice.

    Parameters
    ----------
    offer
        Position of the offer that stands in a slice (column) if an option (row) is chosen; -1 where
        nothing stands yet. At least one a row; all of a row are at one site.
    use, limit
        Further rows of the program: ``sum of use[n, l] over the options n chosen <= limit[l]``,
        such as PKR by year.
    """

    offer: Ints
    use: Floats
    limit: Floats

    @property
    def last(self) -> Ints:
        """The offer that stands in the last slice."""
        return self.offer[:, -1]


def join(
    instances: Sequence[Instance], options: Options, subsidy: Floats, cost: Floats, budget: float
) -> Instance:
    """Return one instance with a slice for each of several, and options in place of offers.

    Parameters
    ----------
    instances
        One a slice, of the same offers and demand rows.
    options
        What can be chosen.
    subsidy, cost
        Public money an option draws and what it costs, over all slices (PKR).
    budget
        Public money there is in all (PKR).

    Returns
    -------
    Instance
        Demand (kWh/day), capacity (kWh/day) and reach by slice.
    """
    first = instances[0]
    slices, groups, classes = len(instances), len(first.group_names), len(first.class_names)
    capacity = np.zeros((len(options.offer), slices, groups))
    uses = np.zeros((slices, classes, slices, groups), dtype=bool)
    for k, offer in enumerate(options.offer.T):
        capacity[:, k] = np.where((offer >= 0)[:, None], first.offer_capacity[offer], 0.0)
        uses[k, :, k, :] = first.uses
    rows = len(first.demand_ids)
    own = np.arange(slices)
    return Instance(
        demand_ids=_numbered(first.demand_ids, slices),
        demand_kwh=np.concatenate([instance.demand_kwh for instance in instances]),
        demand_class=np.tile(first.demand_class, slices) + np.repeat(own * classes, rows),
        demand_cell=np.tile(first.demand_cell, slices),
        class_names=tuple(_numbered(np.array(first.class_names, object), slices).tolist()),
        group_names=tuple(_numbered(np.array(first.group_names, object), slices).tolist()),
        uses=uses.reshape(slices * classes, slices * groups),
        cell_ids=first.cell_ids,
        site_ids=first.site_ids,
        offer_ids=np.array([f"{n:08d}" for n in range(len(options.offer))], dtype=object),
        offer_site=first.offer_site[options.last],
        offer_capacity=capacity.reshape(len(options.offer), slices * groups),
        offer_cost=np.asarray(cost, float),
        offer_subsidy=np.asarray(subsidy, float),
        offer_existing=first.offer_existing[options.last],
        reach_start=first.reach_start,
        reach_site=first.reach_site,
        reach_min=first.reach_min,
        budget_pkr=float(budget),
    )


def slice_of_group(group: int, slices: int, groups: int) -> int:
    """Return the slice that a charger group of a joint instance belongs to.

    Parameters
    ----------
    group
        Position of the group.
    slices, groups
        Number of slices and of charger groups in all slices together.

    Examples
    --------
    >>> slice_of_group(4, 2, 6)
    1
    """
    return group // (groups // slices)


def sharing_faults(instances: Mapping[str, Instance], kind: str) -> list[Fault]:
    """Return where instances differ that must be the same but for demand and budget.

    Parameters
    ----------
    instances
        The instances by the name to call them by, such as the year.
    kind
        What the names are: ``year`` or ``scenario``.

    Returns
    -------
    list of Fault
        One for each kind of difference and instance, naming the first ids that differ.
    """
    faults: list[Fault] = []
    if len(instances) < 2:
        return faults
    (first_name, first), *rest = instances.items()
    for name, other in rest:
        where, before = f"{kind} {name}", len(faults)
        for what, column in (("sites", "site_ids"), ("offers", "offer_ids")):
            ids = _not_in_both(getattr(first, column), getattr(other, column))
            if ids:
                faults.append(
                    Fault(
                        where,
                        f"{len(ids):,} {what} are not in both it and {kind} {first_name}",
                        "make every instance from the same offers and candidates",
                        ids,
                    )
                )
        if len(faults) == before:
            ids = tuple(first.offer_ids[_offers_differ(first, other)].tolist())
            if ids:
                faults.append(
                    Fault(
                        where,
                        f"{len(ids):,} offers differ from {kind} {first_name} in capacity, money, "
                        "site or whether they stand already",
                        "make every instance from the same offers table",
                        ids,
                    )
                )
        faults += _demand_faults(first_name, first, where, other, kind)
    return faults


def _demand_faults(
    first_name: str, first: Instance, where: str, other: Instance, kind: str
) -> list[Fault]:
    ids = _not_in_both(first.demand_ids, other.demand_ids)
    if ids:
        return [
            Fault(
                where,
                f"{len(ids):,} demand rows are not in both it and {kind} {first_name}",
                f"give every {kind} the same demand_ids, with 0 kWh/day where there is none",
                ids,
            )
        ]
    if (first.class_names, first.group_names) != (other.class_names, other.group_names) or (
        not np.array_equal(first.uses, other.uses)
    ):
        return [
            Fault(
                where,
                f"vehicle classes or charger groups are not those of {kind} {first_name}",
                "make every instance from the same compatibility table",
            )
        ]
    moved = first.demand_class != other.demand_class
    moved |= first.cell_ids[first.demand_cell] != other.cell_ids[other.demand_cell]
    if moved.any():
        return [
            Fault(
                where,
                f"{int(moved.sum()):,} demand rows are of another cell or class than in {kind} "
                f"{first_name}",
                "keep cell_id and vehicle_class of a demand_id",
                tuple(first.demand_ids[moved].tolist()),
            )
        ]
    if not (
        np.array_equal(first.reach_start, other.reach_start)
        and np.array_equal(first.reach_site, other.reach_site)
    ):
        return [
            Fault(
                where,
                f"other pairs are within reach than in {kind} {first_name}",
                "make every instance from the same reach table and cutoff",
            )
        ]
    return []


def _offers_differ(first: Instance, other: Instance) -> Flags:
    differ: Flags = first.offer_subsidy != other.offer_subsidy
    differ |= first.offer_cost != other.offer_cost
    differ |= first.offer_existing != other.offer_existing
    differ |= first.site_ids[first.offer_site] != other.site_ids[other.offer_site]
    if first.offer_capacity.shape == other.offer_capacity.shape:
        differ |= (first.offer_capacity != other.offer_capacity).any(axis=1)
    return differ


def _not_in_both(left: Names, right: Names) -> tuple[str, ...]:
    return tuple(sorted(set(left.tolist()) ^ set(right.tolist())))


def _numbered(names: Names, slices: int) -> Names:
    return np.array([f"{name}@{k}" for k in range(slices) for name in names], dtype=object)
