"""Key points of where things end: which ones, how many, where, how near, and beside what."""

from __future__ import annotations

import numpy as np

from robopref.checklists.trace import Trace

_RADIUS = 0.1  # of a region of which it is not known, m
_SIDES = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "front": (0.0, -1.0), "back": (0.0, 1.0)}
_MOVED = 0.05  # from which on a thing counts as moved, m


def outside_region(trace: Trace, *, object: str, region: str) -> float | None:  # noqa: A002  as clauses call it
    """How far the object, or the farthest of a kind that was moved, ends outside a region in the plane, m; 0 inside."""
    there = trace.at(region)
    if there is None or not trace.each(object):
        return None
    radius = trace.get(f"radius {region}")
    reach = _RADIUS if radius is None else float(radius[-1])
    return max(0.0, from_middle(trace, object=object, region=region) - reach)  # type: ignore[operator]


def from_middle(trace: Trace, *, object: str, region: str) -> float | None:  # noqa: A002
    """How far the object, or the farthest of a kind that was moved, ends from the middle of a region, m."""
    there, things = trace.at(region), trace.each(object)
    if there is None or not things:
        return None
    moved = [name for name in things if (trace.moved(name) or 0) > _MOVED] or things
    return max(float(np.linalg.norm(trace.facts[f"at {name}"][-1, :2] - there[-1, :2])) for name in moved)


def beyond_side(trace: Trace, *, object: str, side: str, thing: str) -> float | None:  # noqa: A002
    """How much farther the object ends to a side of a thing than off it, m; the right is +x, the back +y."""
    one, other = trace.at(object), trace.at(thing)
    if one is None or other is None:
        return None
    offset, way = one[-1, :2] - other[-1, :2], np.array(_SIDES[side])
    along = float(offset @ way)
    return along - float(np.linalg.norm(offset - along * way))


def miscounted(trace: Trace, *, things: str, number: float) -> float | None:
    """By how many another number of things of a kind was moved."""
    known = trace.each(singular(things))
    if not known:
        return None
    return abs(sum((trace.moved(name) or 0) > _MOVED for name in known) - number)


def others_moved(trace: Trace, *, object: str) -> float | None:  # noqa: A002
    """How far anything but the object was moved, m; people move as they like."""
    own = trace.each(object)
    if not own:
        return None
    others = [name for name in trace.things() if name not in own and name not in trace.each("person")]
    return max((trace.moved(name) or 0.0 for name in others), default=0.0)


def singular(things: str) -> str:
    """One of some things, by English rules."""
    if things.endswith("ies"):
        return f"{things[:-3]}y"
    if things.endswith(("ses", "xes", "shes", "ches")):
        return things[:-2]
    return things.removesuffix("s")
