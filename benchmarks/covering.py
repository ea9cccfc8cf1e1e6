"""Make coverings from chunks of rows, for the published instances and the tests.

`siting.engine.cover` solves coverage programs, and `siting.classics` solves maximal covering. Like
this module, both use `siting.engine.covering.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from siting.engine.clock import Clock, Progress
from siting.engine.covering.covering import Covering
from siting.engine.covering.master import cut_down
from siting.engine.covering.run import CoveringRun, run_covering
from siting.engine.proof import Proof
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class CoveringSolution:
    """The chosen options in order, and the proof of their value."""

    chosen: Ints
    proof: Proof

    @property
    def value(self) -> float:
        return self.proof.objective

    @property
    def bound(self) -> float:
        return self.proof.bound


def solve_covering(
    covering: Covering,
    *,
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> CoveringSolution:
    """Return the options that cover the most weight within the budget, with a recounted value."""
    clock = Clock(time_limit_s, progress)
    run = run_covering(covering, clock, gap, seed)
    value = covering.value(run.chosen)
    proof = Proof.of(
        value,
        max(run.bound, value),
        gap_asked=gap,
        stopped="interrupted" if clock.interrupted else "time limit",
        unit="weight",
        nodes=run.nodes,
        seconds={**clock.seconds, "total": clock.elapsed_s},
    )
    return CoveringSolution(run.chosen, proof)


def lp_bound(covering: Covering, *, accuracy: float = 1e-6, time_limit_s: float = 600.0) -> float:
    """Return an upper bound on the optimum of the linear relaxation, to a relative accuracy."""
    clock = Clock(time_limit_s)
    run = CoveringRun(covering, clock, 0.0, 1)
    if not len(run.left.covering.weight):
        return run.certain
    prices = run.prices()
    *_, bound = cut_down(run.left.covering, prices, clock, accuracy, seed=1)
    return run.certain + min(prices.bound, bound)


def covering_from_chunks(
    chunks: Iterable[tuple[Floats, Flags]], cost: Floats, budget: float
) -> Covering:
    """Return the covering of a very large number of rows; rows with the same options are merged.

    Each chunk is merged before the next one is read, so the rows are never all in memory. Rows
    without weight or without options are left out.
    """
    options = len(cost)
    words, weight = np.zeros((0, max(-(-options // 64), 1)), np.uint64), np.zeros(0)
    for chunk_weight, covers in chunks:
        bits = _packed(np.asarray(covers, dtype=bool))
        keep = (chunk_weight > 0) & bits.any(axis=1)
        if not keep.all():
            bits, chunk_weight = bits[keep], np.asarray(chunk_weight)[keep]
        bits, chunk_weight = _distinct(bits, chunk_weight)
        words, weight = _distinct(
            np.concatenate([words, bits]), np.concatenate([weight, chunk_weight])
        )
    unpacked = np.unpackbits(words.view(np.uint8), axis=1, count=options, bitorder="little")
    return Covering.of_matrix(sparse.csr_array(unpacked), weight, cost, budget)


def _packed(covers: Flags) -> npt.NDArray[np.uint64]:
    """Return the rows of a Boolean matrix as bits in 64-bit words."""
    rows, options = covers.shape
    out = np.zeros((rows, 8 * max(-(-options // 64), 1)), dtype=np.uint8)
    # Packing along the options is fast because an option's flags are contiguous.
    packed = np.packbits(covers.T, axis=0, bitorder="little").T
    out[:, : packed.shape[1]] = packed
    return out.view(np.uint64)


def _distinct(
    words: npt.NDArray[np.uint64], weight: Floats
) -> tuple[npt.NDArray[np.uint64], Floats]:
    """Return the distinct rows of bits, in any order, with the sums of their weights.

    Rows are sorted by a random sum of their words, or by all words if different rows have the same
    sum.
    """
    if not len(words):
        return words, weight
    factor = np.random.default_rng(0).integers(1, 2**63, words.shape[1], dtype=np.uint64) | 1
    key = (words * factor).sum(axis=1, dtype=np.uint64)
    order = np.argsort(key, kind="stable")
    first = np.concatenate([[True], np.diff(key[order]) != 0])
    head = np.flatnonzero(first)[np.cumsum(first) - 1]
    if (words[order] != words[order[head]]).any():
        order = np.lexsort(words.T[::-1])
        first = np.concatenate([[True], (words[order[1:]] != words[order[:-1]]).any(axis=1)])
    at = np.flatnonzero(first)
    return words[order[at]], np.add.reduceat(weight[order], at)
