"""Drawn cases: terse instructions, and what is planted in them that they do not say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robopref.checklists.key_point import plural
from robopref.checklists.vocabulary import Vocabulary
from robopref.instructions.case import Case, needs

_THINGS = (
    "book", "box", "vase", "plate", "pan", "bowl", "bottle", "can", "paper", "medicine", "tea", "cup", "glass", "egg",
    "toy", "knife", "brush", "jar", "cake", "cable", "hammer", "parcel",
)  # fmt: skip
_LIKE = (
    "full", "open", "labelled", "long", "heavy", "hot", "wobbly", "stacked", "brimming", "fragile", "soft", "sharp",
    "painted", "greasy", "leftmost", "rightmost", "shared", "old", "new", "small", "clean", "plain",
)  # fmt: skip
_AROUND = (
    "laptop", "candle", "stove", "person", "child", "glasses", "puzzle", "wet canvas", "lamp", "monitor", "lid",
    "scanner", "scales", "crowded table", "cluttered table", "low cupboard", "narrow shelf", "plant", "radio", "chair",
)  # fmt: skip
_HOW = ("carefully", "quickly", "soon", "neatly", "again", "now", "today")
_MANY = ("couple of", "pair of", "trio of", "single one of the")
# Ways of saying it; of those that are held out none is in training.
SAID = ("put the {0} away", "move the {0}", "take the {0} over there", "get the {0} out of the way", "tidy the {0} up")
HELD_OUT_SAID = ("bring the {0} where it belongs", "clear the {0} off", "see to the {0}")


def draw_cases(
    vocabulary: Vocabulary,
    count: int,
    rng: np.random.Generator,
    *,
    said: Sequence[str] = SAID,
    least: int = 2,
    most: int = 7,
) -> list[Case]:
    """Cases with requirements that their words call for, see `robopref.instructions.case.needs`.

    Args:
        vocabulary: Key points.
        count: Cases.
        rng: Source of them.
        said: Ways of saying that the thing in braces is to be moved.
        least: Requirements of a case that simulation can check.
        most: At most.

    Returns:
        The cases.
    """
    found: list[Case] = []
    while len(found) < count:
        case = _drawn(rng, said)
        wanted = [one for one in needs(case, vocabulary) if vocabulary[one.key].measure is not None]
        if least <= len(wanted) <= most:
            found.append(Case(case.instruction, case.scene, tuple(wanted)))
    return found


def said_in_full(case: Case, vocabulary: Vocabulary, rng: np.random.Generator) -> Case:
    """The same case, whose instruction says all that is wanted, in any wording."""
    clauses = [vocabulary.said(one, int(rng.integers(8))) for one in case.wanted]
    return Case("; ".join([case.instruction, *clauses]), case.scene, case.wanted)


def _drawn(rng: np.random.Generator, said: Sequence[str]) -> Case:
    thing = str(rng.choice(_THINGS))
    like = [str(one) for one in rng.choice(_LIKE, rng.integers(0, 3), replace=False)]
    around = [str(one) for one in rng.choice(_AROUND, rng.integers(1, 5), replace=False)]
    named = f"{rng.choice(_MANY)} {plural(thing)}" if rng.random() < 0.15 else thing
    text = str(rng.choice(said)).format(named)
    if rng.random() < 0.4:
        text = f"{text} {rng.choice(_HOW)}"
    scene = [" ".join([*like, thing]), *around]
    order = rng.permutation(len(scene))
    return Case(text, tuple(scene[place] for place in order))
