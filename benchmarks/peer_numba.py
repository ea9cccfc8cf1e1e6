"""Time a Dijkstra search compiled with numba, as a lower limit for the time of travel times."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from benchmarks import made_city
from benchmarks.measure import median_watch
from benchmarks.reach import MINUTES, head_facts, minutes_matrix, targets_of


@numba.njit(cache=False)
def _search(start, near, weight, targets, limit):  # type: ignore[no-untyped-def]
    """Return the number of nodes within the limit of each target, the nodes and their distances."""
    nodes = len(start) - 1
    best = np.full(nodes, np.inf)
    done = np.zeros(nodes, np.bool_)
    size = len(weight) + 1
    heap_far, heap_node = np.empty(size), np.empty(size, np.int64)
    touched = np.empty(nodes, np.int64)
    counts = np.zeros(len(targets), np.int64)
    room = 1 << 20
    found, far = np.empty(room, np.int32), np.empty(room)
    total = 0
    for t in range(len(targets)):
        heap_far[0], heap_node[0], length = 0.0, targets[t], 1
        best[targets[t]], touched[0], seen = 0.0, targets[t], 1
        while length > 0:
            here_far, here = heap_far[0], heap_node[0]
            length -= 1
            last_far, last, at = heap_far[length], heap_node[length], 0
            while True:  # move the last entry down the heap
                child = 2 * at + 1
                if child >= length:
                    break
                if child + 1 < length and heap_far[child + 1] < heap_far[child]:
                    child += 1
                if heap_far[child] >= last_far:
                    break
                heap_far[at], heap_node[at] = heap_far[child], heap_node[child]
                at = child
            heap_far[at], heap_node[at] = last_far, last
            if done[here]:
                continue
            done[here] = True
            if total == room:
                more, more_far = np.empty(2 * room, np.int32), np.empty(2 * room)
                more[:room], more_far[:room] = found, far
                found, far, room = more, more_far, 2 * room
            found[total], far[total] = here, here_far
            total += 1
            counts[t] += 1
            for k in range(start[here], start[here + 1]):
                there, length_there = near[k], here_far + weight[k]
                if length_there <= limit and length_there < best[there]:
                    if best[there] == np.inf:
                        touched[seen] = there
                        seen += 1
                    best[there] = length_there
                    at = length
                    length += 1
                    while at > 0 and heap_far[(at - 1) // 2] > length_there:
                        heap_far[at] = heap_far[(at - 1) // 2]
                        heap_node[at] = heap_node[(at - 1) // 2]
                        at = (at - 1) // 2
                    heap_far[at], heap_node[at] = length_there, there
        for k in range(seen):
            best[touched[k]] = np.inf
            done[touched[k]] = False
    return counts, found[:total], far[:total]


def by_kernel(side: int, sites: int, first: int) -> dict[str, Any]:
    """Time the kernel after it has been compiled."""
    city = made_city.make_city(side)
    matrix, targets = minutes_matrix(city), targets_of(city, sites)
    parts = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data
    _search(*parts, targets[:2], MINUTES)
    seen, (counts, node, minutes) = median_watch(lambda: _search(*parts, targets, MINUTES))
    return head_facts(seen, targets[:first], np.repeat(targets, counts), node, minutes)
