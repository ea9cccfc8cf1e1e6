"""The maximal covering instances published by Cordeau, Furini and Ljubic (2019).

Their generator draws from the C library's ``rand()``. It draws the positions of the facilities and
then of the customers (uniform in a square of side 30, with six decimals), then the costs of the
facilities, and then the demands in 1..100. glibc's ``rand()`` is an additive feedback generator:
``r_i = r_{i-3} + r_{i-31}`` modulo 2^32, without the lowest bit. A matrix advances its state, so
any part of the stream can be drawn directly, in many lanes at once. Ten million customers therefore
need little memory.

Source: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition for very large scale partial set
covering and maximal covering location problems. European Journal of Operational Research 275
(2019), 882-896.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.covering import covering_from_chunks
from siting.engine.covering.covering import Covering

SIDE, FACILITIES, MOST_DEMAND = 30, 100, 100
RAND_MAX = 2**31 - 1
LAG, SHORT_LAG, THROWN_AWAY = 31, 3, 310
LANES = 1024


class GlibcRand:
    """The stream of glibc's ``rand()`` after ``srand(seed)``, from which any part can be drawn.

    Examples
    --------
    >>> GlibcRand(1).draw(0, 3)
    array([1804289383,  846930886, 1681692777])
    """

    def __init__(self, seed: int) -> None:
        first = [seed or 1]
        for _ in range(LAG - 1):
            first.append(16807 * first[-1] % RAND_MAX)
        # Values 32 to 34 repeat the first three; then the feedback begins.
        state = np.array([*first[3:], *first[:3]], dtype=np.uint32)
        step = np.zeros((LAG, LAG), dtype=np.uint32)
        step[np.arange(LAG - 1), np.arange(1, LAG)] = 1
        step[-1, [0, LAG - SHORT_LAG]] = 1
        self._step = step
        self._state = _power(step, THROWN_AWAY) @ state

    def draw(self, start: int, count: int) -> np.ndarray:
        """Return draws ``start`` to ``start + count - 1`` of the stream."""
        lanes = min(LANES, max(count // LAG, 1))
        length = -(-count // lanes)
        states = np.empty((LAG, lanes), dtype=np.uint32)
        states[:, 0] = _power(self._step, start) @ self._state
        jump, filled = _power(self._step, length), 1
        while filled < lanes:  # each pass doubles the number of lanes
            more = min(filled, lanes - filled)
            states[:, filled : filled + more] = jump @ states[:, :more]
            filled, jump = filled + more, jump @ jump
        stream = np.empty((LAG + length, lanes), dtype=np.uint32)
        stream[:LAG] = states
        for i in range(LAG, LAG + length):
            np.add(stream[i - LAG], stream[i - SHORT_LAG], out=stream[i])
        return (stream[LAG:].T.ravel()[:count] >> 1).astype(np.int64)


def _power(matrix: np.ndarray, exponent: int) -> np.ndarray:
    """Return a power of a matrix modulo 2^32."""
    out = np.eye(len(matrix), dtype=np.uint32)
    while exponent:
        if exponent & 1:
            out = out @ matrix
        matrix, exponent = matrix @ matrix, exponent >> 1
    return out


def cfl_chunks(
    customers: int, radius: float, seed: int = 1, chunk: int = 200_000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield demands and Boolean coverage (customer by facility) for each chunk of customers."""
    rand = GlibcRand(seed)
    facility = _positions(rand.draw(0, 2 * FACILITIES))
    demands_from = 2 * FACILITIES + 2 * customers + FACILITIES
    for first in range(0, customers, chunk):
        count = min(chunk, customers - first)
        x, y = _positions(rand.draw(2 * FACILITIES + 2 * first, 2 * count)).T.copy()
        demand = rand.draw(demands_from + first, count) % MOST_DEMAND + 1
        covers = np.empty((FACILITIES, count), dtype=bool)
        square, other = np.empty(count), np.empty(count)
        for k, (at_x, at_y) in enumerate(facility.tolist()):
            np.square(np.subtract(x, at_x, out=square), out=square)
            np.square(np.subtract(y, at_y, out=other), out=other)
            np.less_equal(np.add(square, other, out=square), radius * radius, out=covers[k])
        yield demand.astype(float), covers.T


def _positions(draws: np.ndarray) -> np.ndarray:
    return np.round(draws / RAND_MAX * SIDE, 6).reshape(-1, 2)


def cfl_covering(
    customers: int, radius: float, budget: float, seed: int = 1, chunk: int = 200_000
) -> Covering:
    """Return a published instance with 100 facilities of cost 1; equal customers are merged."""
    chunks = cfl_chunks(customers, radius, seed, chunk)
    return covering_from_chunks(chunks, np.ones(FACILITIES), budget)
