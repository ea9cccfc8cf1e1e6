"""Plans for crossover: two plans of one generation combine into a plan of the next."""

from __future__ import annotations

import math

import numpy as np

from siting.program.instance import Ints

# The options of two plans to be combined, and the generation of the resulting plan.
type Pair = tuple[Ints, Ints, int]


class Plans:
    """Plans from different starts (generation 0), and the plans made by combining them."""

    def __init__(self) -> None:
        self._generations: list[list[tuple[float, Ints]]] = []  # best plan first in each generation

    def add(self, choice: Ints, value: float, generation: int = 0) -> None:
        """Add a choice to a generation, unless it is infeasible or already there."""
        while len(self._generations) <= generation:
            self._generations.append([])
        plans, choice = self._generations[generation], np.sort(choice)
        if not math.isfinite(value) or any(np.array_equal(choice, one) for _, one in plans):
            return
        plans.append((value, choice))
        plans.sort(key=lambda plan: -plan[0])

    def have_pairs(self, incumbent: Ints | None) -> bool:
        """Return whether there are two plans that can be combined."""
        return incumbent is not None and any(
            len(plans) > 1 or (plans and not np.array_equal(plans[0][1], incumbent))
            for plans in self._generations
        )

    def take(self, most: int, incumbent: Ints) -> list[Pair]:
        """Remove and return pairs of plans of the same generation, earlier generations first.

        The best plan of a generation is paired with its median plan, which is good and usually
        different. If no generation has two plans, single plans are paired with the incumbent.
        """
        out: list[Pair] = []
        for n, plans in enumerate(self._generations):
            while len(plans) > 1 and len(out) < most:
                _, second = plans.pop(len(plans) // 2)
                out.append((plans.pop(0)[1], second, n + 1))
        if out:
            return out
        for n, plans in enumerate(self._generations):
            if plans and len(out) < most and not np.array_equal(plans[0][1], incumbent):
                out.append((incumbent, plans.pop()[1], n + 1))
        return out
