"""Maximum flow from the charger groups of stations to demand rows, and its minimum cuts."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_flow

from siting.program.instance import Flags, Floats, Ints


class FlowGraph:
    """The flow network of one part: demand rows, charger groups and their pairs.

    `wanted`: demand of each row; `near`: for each kind of demand, a matrix with an entry of 1 where
    a demand row (column) reaches a site (row); `groups`: for each kind, the charger groups that can
    serve it, numbered from 0.
    """

    def __init__(self, wanted: Floats, near: list[sparse.csr_array], groups: list[list[int]]):
        self._total = max(float(wanted.sum()), 1e-300)
        self._units = self._whole(wanted)
        self._near = []
        for g in range(1 + max(max(usable) for usable in groups)):
            users = [n for n, usable in enumerate(groups) if g in usable]
            together = sparse.csr_array(sum((near[n] for n in users), 0 * near[0]))
            together.eliminate_zeros()
            together.sort_indices()
            self._near.append((together.indptr.astype(np.int64), together.indices.astype(np.int64)))

    def cut_sides(
        self, site: Ints, capacity: Floats, share: Floats | None, counted: Flags
    ) -> tuple[Flags, Flags]:
        """Return masks of rows on the unserved side of the smallest and the largest minimum cut.

        `site`: site of each station (sites may repeat); `capacity`: energy of each station (row) by
        charger group (column), already multiplied by `share`; `share`: largest share of a row that
        each station may serve (None: 1); `counted`: rows whose demand counts.
        """
        units = np.where(counted, self._units, 0)
        node, row, room, link = self._arcs(site, capacity, share, units)
        rows, nodes = len(units), len(room)
        if not nodes:
            return np.ones(rows, dtype=bool), np.ones(rows, dtype=bool)
        flow = self._flow(node, row, room, link, units)
        used = flow > 0
        more = np.ones(len(flow), dtype=bool) if share is None else flow < link
        unsaturated = units > np.bincount(row, flow, minlength=rows)
        slack = room > np.bincount(node, flow, minlength=nodes)
        unserved, _ = _spread(unsaturated, row, node, more, used, nodes)
        _, served = _spread(slack, node, row, more, used, rows)
        return unserved & counted, ~served & counted

    def _whole(self, energy: Floats) -> Ints:
        return np.floor(np.minimum(energy, self._total) * (2**30 / self._total)).astype(np.int64)

    def _arcs(
        self, site: Ints, capacity: Floats, share: Floats | None, units: Ints
    ) -> tuple[Ints, Ints, Ints, Ints]:
        """Return the node (charger group) and row of each arc; the capacities of nodes and arcs."""
        nodes, rows, rooms, links, count = [], [], [], [], 0
        for g, (start, near) in enumerate(self._near):
            here = np.flatnonzero(capacity[:, g] > 0)
            sites = site[here]
            length = start[sites + 1] - start[sites]
            first = np.repeat(start[sites] - np.cumsum(length) + length, length)
            rows.append(near[first + np.arange(len(first))])
            nodes.append(np.repeat(np.arange(len(here)), length) + count)
            rooms.append(self._whole(capacity[here, g]))
            most = units[rows[-1]]
            if share is not None:
                most = np.floor(most * np.repeat(share[here], length)).astype(np.int64)
            links.append(most)
            count += len(here)
        node, row, room, link = (np.concatenate(part) for part in (nodes, rows, rooms, links))
        return node, row, room, link

    def _flow(self, node: Ints, row: Ints, room: Ints, link: Ints, units: Ints) -> Ints:
        """Return the flow on each arc of a maximum flow: source -> nodes -> rows -> sink."""
        nodes, rows, arcs = len(room), len(units), len(node)
        size = nodes + rows + 2
        start = np.zeros(size + 1, dtype=np.int32)
        start[1] = nodes
        start[2 : nodes + 2] = nodes + np.cumsum(np.bincount(node, minlength=nodes))
        start[nodes + 2 : -1] = nodes + arcs + np.arange(1, rows + 1)
        start[-1] = start[-2]
        to = np.concatenate([np.arange(1, nodes + 1), nodes + 1 + row, np.full(rows, size - 1)])
        room_of = np.concatenate([room, link, units])
        graph = sparse.csr_array(
            (room_of.astype(np.int32), to.astype(np.int32), start), shape=(size, size)
        )
        flow = maximum_flow(graph, 0, size - 1).flow
        inner = slice(flow.indptr[1], flow.indptr[nodes + 1])
        forward = flow.indices[inner] > nodes
        return flow.data[inner][forward].astype(np.int64)


def _spread(
    begun: Flags, here: Ints, there: Ints, out: Flags, back: Flags, others: int
) -> tuple[Flags, Flags]:
    """Return masks of the nodes on this side and on the other side that `begun` nodes reach.

    `here`, `there`: each arc's ends on the two sides; `out`, `back`: whether each arc can be
    followed to the other side, and back from it; `others`: size of the other side.
    """
    reached, other, count = begun.copy(), np.zeros(others, dtype=bool), -1
    while count != (count := int(reached.sum())):
        other[there[reached[here] & out]] = True
        reached[here[other[there] & back]] = True
    return reached, other
