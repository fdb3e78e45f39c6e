"""A simulated table, and a robot that does what it is told and is careless in all else.

No physics is simulated: hands move along polylines at a speed, things go with the hand that holds them. It stands for a
frozen policy that goes by words, in the one respect that matters here: what nobody says, nobody gets. It reads the
first eight clauses that it knows and no more.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.checklists.key_point import Requirement, Value, plural
from robopref.checklists.touch import HANDS
from robopref.checklists.trace import TOOL, Trace, Values
from robopref.checklists.vocabulary import Vocabulary
from robopref.instructions.case import Case, thing_of

OBEYED = 8  # clauses at most
REGIONS = {"shelf": (0.5, 0.3), "sink": (-0.5, 0.3), "bin": (0.62, -0.05), "tray": (-0.05, 0.45)}
PARTS = ("handle", "rim", "body")
_HOME, _STEP, _RADIUS = (0.0, -0.62), 0.1, 0.1  # m; s between moments; m
_SIDES = {"left": (-0.15, 0.0), "right": (0.15, 0.0), "front": (0.0, -0.15), "back": (0.0, 0.15)}
_SLIPS = 0.45  # speed from which on a thing that is hardly held slips, m/s
_GENTLE, _GENTLE_STEP = 3.0, 0.9  # N; m/s^2


class _Motion:
    """What becomes of everything, stretch by stretch.

    Args:
        places: Where everything begins (3,), by name.
    """

    def __init__(self, places: Mapping[str, Values]) -> None:
        self.now = {name: place.copy() for name, place in places.items()}
        self.tool: list[Values] = []
        self.held: list[tuple[int, str | None]] = []
        self._moved: dict[str, list[tuple[int, Values]]] = {name: [(0, place)] for name, place in places.items()}

    def __len__(self) -> int:
        return sum(count for count, _ in self.held)

    def stretch(self, tool: Values, held: str | None) -> None:
        """The tool goes along (T, 3), with what is held."""
        if held is not None and len(tool):
            self._moved[held].append((len(self), tool))
            self.now[held] = tool[-1].copy()
        self.tool.append(tool)
        self.held.append((len(tool), held))

    def put(self, name: str, place: Values) -> None:
        """Something is elsewhere from the next moment on."""
        self._moved[name].append((max(1, len(self)), place))
        self.now[name] = place

    def places(self, name: str) -> Values:
        """Where a thing was (T, 3)."""
        found = np.empty((len(self), 3))
        for first, place in self._moved[name]:
            if place.ndim == 1:
                found[first:] = place
            else:
                found[first : first + len(place)] = place
                found[first + len(place) :] = place[-1]
        return found


class TableSimulator:
    """Carries out instructions on a table.

    Args:
        vocabulary: Key points whose clauses are obeyed.
        obeyed: Clauses of an instruction that are, at most.
    """

    def __init__(self, vocabulary: Vocabulary, obeyed: int = OBEYED) -> None:
        self.vocabulary, self.obeyed = vocabulary, obeyed

    def run(self, case: Case, text: str, seed: int) -> Trace:
        """What comes of a text in the scene of a case.

        Args:
            case: The scene.
            text: What the robot is told.
            seed: Of the places of things, and of its carelessness.

        Returns:
            The trace.
        """
        told = self.vocabulary.read(text).requirements[: self.obeyed]
        return self.carry_out(case, told, seed)

    def carry_out(self, case: Case, told: Sequence[Requirement], seed: int) -> Trace:
        """What comes of requirements that the robot goes by, see `run`."""
        layout, careless = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
        places = _places(case, layout)
        asked: dict[str, list[dict[str, Value]]] = {}
        for one in told:
            asked.setdefault(one.key, []).append(
                {name: self.vocabulary[one.key].scaled(name, value) for name, value in one.values.items()}
            )
        return _Run(case, places, asked, careless).trace()


def _places(case: Case, rng: np.random.Generator) -> dict[str, Values]:
    """Where everything begins (3,)."""
    start = np.array([rng.uniform(-0.08, 0.08), -0.4])
    found = {case.handled: np.array([*start, 0.0])}
    if plural(case.handled) in case.instruction.lower().split():  # several of them
        found |= {f"{case.handled} {k}": np.array([start[0] + 0.06 * (k - 2), start[1] - 0.06, 0.0]) for k in (2, 3, 4)}
    others = [thing for entry in case.scene if (thing := thing_of(entry)) != case.handled and thing not in REGIONS]
    headings = rng.permutation(len(others)) if others else []
    for heading, thing in zip(headings, dict.fromkeys(others), strict=False):
        turn = np.pi / 2 + (heading - (len(others) - 1) / 2) * 0.55 + rng.uniform(-0.15, 0.15)
        away = rng.uniform(0.3, 0.36)
        found.setdefault(thing, np.array([start[0] + away * np.cos(turn), start[1] + away * np.sin(turn), 0.0]))
    for region, place in REGIONS.items():
        found.setdefault(region, np.array([*place, 0.0]))
    return found


class _Run:
    """One rollout; what is not asked for is left to chance."""

    def __init__(
        self, case: Case, places: dict[str, Values], asked: dict[str, list[dict[str, Value]]], rng: np.random.Generator
    ) -> None:
        self.case, self.places, self.asked, self.rng = case, places, asked, rng
        # All chances are drawn in one order, so that what one clause changes does not depend on the others.
        self.speed, self.pause = rng.uniform(0.4, 0.6), rng.uniform(0, 6)
        self.height, self.tilt, self.turn = rng.uniform(0.16, 0.35), rng.uniform(0.2, 1.0), rng.uniform(-np.pi, np.pi)
        self.force, self.drop = rng.uniform(5, 20), rng.uniform(0.015, 0.08)
        self.region, self.part = str(rng.choice(list(REGIONS))), str(rng.choice(PARTS))
        self.hand, self.number = int(rng.integers(2)), int(rng.integers(1, 4))
        self.error, self.wander = rng.normal(0, 0.04, 2), rng.uniform(-1, 1, 2)
        self.bumps, self.pushes, self.lid_first = rng.random() < 0.6, rng.random(8) < 0.6, rng.random() < 0.7
        self.pushed = rng.uniform(0.04, 0.1)

    def trace(self) -> Trace:
        self._obey()
        motion, case = _Motion(self.places), self.case
        tool = np.array([*_HOME, 0.2])
        motion.stretch(np.tile(tool, (1 + round(self.pause / _STEP), 1)), None)
        several = [case.handled, *(f"{case.handled} {k}" for k in (2, 3, 4))]
        carried = [name for name in several if name in self.places][: self.number]
        if "lid" in self.places and case.handled != "lid":
            carried = ["lid", *carried] if self.lid_first else [*carried, "lid"]
        self._push(motion, carried)
        for name in carried:
            tool = self._carry(motion, tool, name, self._goal(motion.now, name))
        rest = np.array([*_HOME, 0.2]) if "reset" in self.asked else tool + np.array([*(0.12 * self.wander), 0.1])
        if "stop" not in self.asked or "reset" in self.asked:
            self._go(motion, tool, [tool, rest], None)
        return self._facts(motion)

    def _obey(self) -> None:
        """Put what is asked for in the place of chance."""
        asked, first = self.asked, {key: values[0] for key, values in self.asked.items()}
        self._obey_in_motion(first)
        if "upright" in first:
            self.tilt = 0.05
        if "pose" in first:
            self.turn = float(first["pose"]["angle"])
        if "force" in first:
            self.force = 0.8 * float(first["force"]["force"])
        if "release" in first:
            self.drop = 0.005
        if "grip" in first:
            self.part = str(first["grip"]["part"])
        if "hand" in first:
            self.hand = HANDS.index(str(first["hand"]["hand"]))
        if "count" in first:
            self.number = int(first["count"]["number"])
        if "tolerance" in first:
            self.error, self.region = 0.1 * self.error, str(first["tolerance"]["region"])
        if "region" in first:
            self.region = str(first["region"]["region"])
        self.bumps = "collision" not in asked and (self.bumps or self.height < 0.12)
        if "order" in first:
            self.lid_first = first["order"]["thing"] != "lid"

    def _obey_in_motion(self, first: Mapping[str, Mapping[str, Value]]) -> None:
        if "duration" in first:
            self.pause, self.speed = 0.0, min(0.9, max(self.speed, 2.4 / float(first["duration"]["seconds"])))
        if "speed" in first:
            self.speed = 0.9 * float(first["speed"]["speed"])
        if "height" in first:
            self.height = min(self.height, 0.8 * float(first["height"]["height"]))

    def _push(self, motion: _Motion, carried: Sequence[str]) -> None:
        """Things that are pushed aside, for want of care."""
        left = {str(values["thing"]) for values in self.asked.get("leave", ())}
        free = [
            name for name in motion.now if name not in (*REGIONS, *carried) and name.split()[0] != self.case.handled
        ]
        for name, pushed in zip(free, self.pushes, strict=False):
            if pushed and "object" not in self.asked and name not in left and name not in ("person", "child"):
                motion.put(name, motion.now[name] + [self.pushed, 0, 0])

    def _goal(self, now: dict[str, Values], name: str) -> Values:
        relation = self.asked.get("relation")
        if name == "lid" and self.case.handled != "lid":
            return np.array([0.3, -0.45, 0.0])
        if relation and str(relation[0]["thing"]) in now:
            return now[str(relation[0]["thing"])] + [*_SIDES[str(relation[0]["side"])], 0.0]
        place = name.rsplit(maxsplit=1)[-1]
        spread = np.array([0.015 * int(place), 0.0]) if place.isdigit() else np.zeros(2)
        return np.array([*(np.array(REGIONS[self.region]) + np.clip(self.error, -0.08, 0.08) + spread), 0.0])

    def _carry(self, motion: _Motion, tool: Values, name: str, goal: Values) -> Values:
        """Fetch a thing and put it down; returns where the hand is then."""
        now = motion.now
        grasp = now[name] + [0, 0, 0.02]
        tool = self._go(motion, tool, [tool, grasp], None)
        ways = [now[str(values["thing"])][:2] for values in self.asked.get("via", ()) if str(values["thing"]) in now]
        way = [grasp, *(np.array([*one, self.height]) for one in ways), goal + np.array([0, 0, self.drop])]
        if self.force < _GENTLE and self.speed > _SLIPS:
            way = [grasp, (grasp + way[-1]) / 2]  # it slips
        tool = self._go(motion, tool, way, name)
        motion.put(name, np.array([*now[name][:2], 0.0]))
        motion.stretch(tool[None], None)
        return tool

    def _go(self, motion: _Motion, tool: Values, way: Sequence[Values], name: str | None) -> Values:
        """Move along a way, with what is held; returns where the hand is then."""
        path = np.concatenate([self._around(one, two, motion.now) for one, two in itertools.pairwise(way)])
        if name is not None:
            lift = np.clip(6 * np.minimum(np.linspace(0, 1, len(path)), np.linspace(1, 0, len(path))), 0, 1)
            path[:, 2] = np.maximum(path[:, 2], lift * self.height)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        along = self._schedule(float(length[-1]))
        if not len(along):
            return tool
        gone = np.stack([np.interp(along, length, path[:, axis]) for axis in range(3)], 1)
        motion.stretch(gone, name)
        return gone[-1]

    def _schedule(self, length: float) -> NDArray[np.float64]:
        """Way (T,) that is behind at each moment, at most at the speed; the last is the whole."""
        if length < 1e-6:
            return np.zeros(0)
        if "smooth" not in self.asked:
            return np.append(np.arange(self.speed * _STEP, length, self.speed * _STEP), length)
        ramp = min(self.speed / _GENTLE_STEP, np.sqrt(length / _GENTLE_STEP))
        total = 2 * ramp + max(0.0, length - _GENTLE_STEP * ramp**2) / max(self.speed, 1e-9)
        t = np.append(np.arange(_STEP, total, _STEP), total)
        rising = 0.5 * _GENTLE_STEP * np.minimum(t, ramp) ** 2
        even = _GENTLE_STEP * ramp * np.clip(t - ramp, 0, total - 2 * ramp)
        falling = np.clip(t - (total - ramp), 0, None)
        return rising + even + _GENTLE_STEP * (ramp * falling - 0.5 * falling**2)

    def _around(self, one: Values, two: Values, now: dict[str, Values]) -> Values:
        """A straight way (P, 3), or one that bends around what is to be kept away from."""
        path = one + np.linspace(0, 1, 60)[:, None] * (two - one)
        length = float(np.linalg.norm((two - one)[:2]))
        if length < 1e-6:
            return path
        ahead = (two - one)[:2] / length
        aside = np.array([-ahead[1], ahead[0]])
        for centre, radius in self._kept_away(now):
            along, off = (path[:, :2] - centre) @ ahead, (path[:, :2] - centre) @ aside
            within = np.abs(along) < radius
            least = np.sqrt(np.clip(radius**2 - along**2, 0, None))
            side = 1.0 if off[within].sum() >= 0 else -1.0
            bent = np.where(within & (side * off < least), side * least, off)
            path[:, :2] = centre + along[:, None] * ahead + bent[:, None] * aside
        return path

    def _kept_away(self, now: dict[str, Values]) -> list[tuple[Values, float]]:
        found = [
            (now[str(values["thing"])][:2], float(values["distance"]) + 0.02)
            for values in self.asked.get("avoid", ())
            if str(values["thing"]) in now
        ]
        for values in self.asked.get("person", ()):
            found += [(now[who][:2], float(values["distance"]) + 0.02) for who in ("person", "child") if who in now]
        return found

    def _facts(self, motion: _Motion) -> Trace:
        count, handled = len(motion), self.case.handled
        names = [name for length, name in motion.held for _ in range(length)]
        holding = np.array([name is not None for name in names])
        own = np.array([name is not None and (name == handled or name.startswith(f"{handled} ")) for name in names])
        facts: dict[str, Any] = {
            "time": _STEP * np.arange(count), f"at {TOOL}": np.concatenate(motion.tool),
            "force": np.where(holding, self.force, 0.0), "hand": np.full(count, float(self.hand)),
            "hit": (holding & (np.cumsum(holding) == 5)).astype(float) * self.bumps,
            f"tilt {handled}": np.where(own, self.tilt, 0.0),
            f"turn {handled}": np.where(np.cumsum(own) > 0, self.turn, 0.0),
            f"held {handled}": own.astype(float),
            **{f"grip {handled} {part}": own * float(part == self.part) for part in PARTS},
            **{f"radius {region}": np.full(count, _RADIUS) for region in REGIONS},
            **{f"at {name}": motion.places(name) for name in self.places},
        }  # fmt: skip
        return Trace(facts)
