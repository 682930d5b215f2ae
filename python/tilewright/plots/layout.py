# SPDX-License-Identifier: Apache-2.0
"""Places for boxes and arrows: ranks by the longest way from the beginning, few crossings, straight chains.

The usual four steps (Sugiyama, Tagawa & Toda, 1981): ranks; a waypoint in each rank that an arrow
passes; orders within ranks by the mean of the neighbours; places along the rank drawn towards the neighbours.
Positions run "along" the direction of the arrows and "across" it. Arrows that lead back, as those of shared
models may, take no part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_SWEEPS = 12


@dataclass(eq=False)
class Node:
    """A box, or (without one) a waypoint of an arrow: size, place of the centre, depth of its rank."""

    box: object = None
    size_across: float = 0.0
    size_along: float = 0.0
    across: float = 0.0
    along: float = 0.0
    depth: float = 0.0
    before: list[Node] = field(default_factory=list)
    after: list[Node] = field(default_factory=list)


def placed(boxes, arrows, size_of, gap_across: float, gap_along: float):
    """Nodes of the boxes, and for each arrow the nodes that it passes; the origin is the first corner.

    Parameters
        boxes : in some order;  arrows : pairs of boxes
        size_of : gives (size across, size along) of a box;  gap_across, gap_along : space between them
    Returns   {box: Node}, {(box, box): [Node]} without arrows that lead back, and the size of all
    """
    nodes = {box: Node(box, *size_of(box)) for box in boxes}
    arrows = _forward(boxes, arrows)
    ranks = _ranks(boxes, arrows)
    rows: list[list[Node]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for box in boxes:
        rows[ranks[box]].append(nodes[box])
    passed = {}
    for source, target in arrows:
        way = [nodes[source]]
        for rank in range(ranks[source] + 1, ranks[target]):
            rows[rank].append(Node())
            way.append(rows[rank][-1])
        way.append(nodes[target])
        passed[source, target] = way
        for first, second in zip(way, way[1:], strict=False):
            first.after.append(second)
            second.before.append(first)
    _order(rows)
    _spread(rows, gap_across)
    _straighten(rows, gap_across)
    return nodes, passed, _measured(rows, gap_along)


def _measured(rows: list[list[Node]], gap: float) -> tuple[float, float]:
    """Places along the arrows, one rank after the other; the size of all."""
    along = 0.0
    for row in rows:
        depth = max((node.size_along for node in row), default=0.0)
        for node in row:
            node.along, node.depth = along + depth / 2, depth
        along += depth + gap
    left = min((n.across - n.size_across / 2 for row in rows for n in row), default=0.0)
    right = max((n.across + n.size_across / 2 for row in rows for n in row), default=0.0)
    for row in rows:
        for node in row:
            node.across -= left
    return right - left, max(along - gap, 0.0)


def _forward(boxes, arrows) -> list:
    """The arrows in their order without those that would close a circle."""
    after: dict = {box: [] for box in boxes}
    kept = []
    for source, target in arrows:
        waiting, seen = [target], {target}
        while waiting and source not in seen:
            reached = [box for box in after[waiting.pop()] if box not in seen]
            seen.update(reached)
            waiting.extend(reached)
        if source not in seen:
            after[source].append(target)
            kept.append((source, target))
    return kept


def _ranks(boxes, arrows) -> dict:
    """The longest way from a beginning; beginnings stand right before what they lead to."""
    after: dict = {box: [] for box in boxes}
    count = {box: 0 for box in boxes}
    for source, target in arrows:
        after[source].append(target)
        count[target] += 1
    starts = [box for box in boxes if count[box] == 0]
    ranks, ready = {box: 0 for box in boxes}, list(starts)
    while ready:
        box = ready.pop()
        for target in after[box]:
            ranks[target] = max(ranks[target], ranks[box] + 1)
            count[target] -= 1
            if count[target] == 0:
                ready.append(target)
    for box in starts:
        if after[box]:
            ranks[box] = min(ranks[target] for target in after[box]) - 1
    return ranks


def _order(rows: list[list[Node]]) -> None:
    """Sorts each rank by the mean place of the neighbours, downwards and upwards in turn."""
    for row in rows:
        for place, node in enumerate(row):
            node.across = float(place)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows[1:] if down else reversed(rows[:-1]):
            places = {}
            for node in row:
                near = node.before if down else node.after
                places[id(node)] = sum(n.across for n in near) / len(near) if near else node.across
            row.sort(key=lambda node, places=places: places[id(node)])
            for place, node in enumerate(row):
                node.across = float(place)


def _spread(rows: list[list[Node]], gap: float) -> None:
    """Places along the ranks, in their order, apart by `gap` and as near to the neighbours as that lets."""
    for row in rows:
        _separated(row, [0.0] * len(row), gap)
    for sweep in range(4 * _SWEEPS):
        down, last = sweep % 2 == 0, sweep >= 2 * _SWEEPS
        for row in rows if down else reversed(rows):
            wanted = []
            for node in row:
                near = [*(node.before if down or last else ()), *(node.after if not down or last else ())]
                wanted.append(sum(n.across for n in near) / len(near) if near else node.across)
            _separated(row, wanted, gap)


def _separated(row: list[Node], wanted: list[float], gap: float) -> None:
    """The places nearest to `wanted` (least squares) that keep the order and the gaps.

    Neighbours that would overlap are joined into blocks that move as one (pool adjacent violators).
    """
    offsets, offset = [], 0.0
    for i, node in enumerate(row):
        if i:
            offset += row[i - 1].size_across / 2 + gap + node.size_across / 2
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # sum of places, count
    for place, shift in zip(wanted, offsets, strict=True):
        total, count = place - shift, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            total, count = total + blocks[-1][0], count + blocks[-1][1]
            blocks.pop()
        blocks.append((total, count))
    places = [total / count for total, count in blocks for _ in range(count)]
    for node, place, shift in zip(row, places, offsets, strict=True):
        node.across = place + shift


def _straighten(rows: list[list[Node]], gap: float) -> None:
    """Moves chains, nodes that follow each other without a branch, as one: straight, and towards their ends'
    neighbours as far as the nodes beside them let.
    """
    beside: dict[int, tuple] = {}
    for row in rows:
        for i, node in enumerate(row):
            beside[id(node)] = row[i - 1] if i else None, row[i + 1] if i + 1 < len(row) else None
    chains = _chains(rows)
    for sweep in range(4 * _SWEEPS):
        for chain in chains if sweep % 2 == 0 else reversed(chains):
            ends = [n.across for n in (*chain[0].before, *chain[-1].after)]
            wanted = sum(ends) / len(ends) if ends else sum(n.across for n in chain) / len(chain)
            least, most = -float("inf"), float("inf")
            for node in chain:
                left, right = beside[id(node)]
                if left is not None:
                    least = max(least, left.across + (left.size_across + node.size_across) / 2 + gap)
                if right is not None:
                    most = min(most, right.across - (right.size_across + node.size_across) / 2 - gap)
            if least <= most:
                for node in chain:
                    node.across = min(max(wanted, least), most)


def _chains(rows: list[list[Node]]) -> list[list[Node]]:
    chains, taken = [], set()
    for node in (node for row in rows for node in row):
        if id(node) in taken:
            continue
        chain = [node]
        while len(chain[-1].after) == 1 and len(chain[-1].after[0].before) == 1:
            chain.append(chain[-1].after[0])
        taken.update(map(id, chain))
        chains.append(chain)
    return chains
