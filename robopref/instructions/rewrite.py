"""A rewritten instruction: what was said, what was added to it and why, and that nothing else was changed.

The instruction itself stays as it is, word by word; clauses are only put behind it. None is added that contradicts what
was said or another one, that says again what was said, or that names a thing that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from robopref.checklists.key_point import Requirement
from robopref.checklists.vocabulary import Vocabulary
from robopref.instructions.case import Case, Cue, singular_word, thing_of

_ALWAYS_THERE = frozenset({"object", "table", "people", "person"})


@dataclass(frozen=True)
class Addition:
    """A clause that is added.

    Attributes:
        requirement: What it asks for.
        why: What called for it, in words.
        sure: Probability that whoever proposes it gives it; those that are surer come first.
    """

    requirement: Requirement
    why: str
    sure: float = 1.0


@dataclass(frozen=True)
class Rewrite:
    """An instruction made explicit.

    Attributes:
        case: The instruction, and what is around.
        stated: What it said by itself.
        additions: What was added, in the order of the text.
        refused: What was proposed and not added, each with the reason.
        text: The instruction with what was added.
    """

    case: Case
    stated: tuple[Requirement, ...]
    additions: tuple[Addition, ...]
    refused: tuple[tuple[str, str], ...]
    text: str

    @property
    def asked(self) -> tuple[Requirement, ...]:
        """All that the text asks for."""
        return (*self.stated, *(one.requirement for one in self.additions))

    def without(self, taken: Mapping[Addition, str], vocabulary: Vocabulary) -> Rewrite:
        """The same with some additions taken back, each for a reason."""
        kept = tuple(one for one in self.additions if one not in taken)
        refused = [(vocabulary.said(one.requirement), why) for one, why in taken.items()]
        text = _extended(self.case.instruction, kept, vocabulary)
        return Rewrite(self.case, self.stated, kept, (*self.refused, *refused), text)


def rewritten(
    case: Case, vocabulary: Vocabulary, proposed: Iterable[Addition], stated: Sequence[Requirement] | None = None
) -> Rewrite:
    """Add what is proposed and changes nothing that was meant.

    Args:
        case: The instruction, and what is around.
        vocabulary: Key points.
        proposed: Clauses; those that are surer go first.
        stated: What the instruction says, if it was read before.
    """
    stated = vocabulary.read(case.instruction).requirements if stated is None else tuple(stated)
    added, refused = list[Addition](), list[tuple[str, str]]()
    for one in sorted(proposed, key=lambda one: -one.sure):
        asked = [*stated, *(other.requirement for other in added)]
        reason = _objection(case, vocabulary, one.requirement, asked)
        if reason:
            refused.append((vocabulary.said(one.requirement), reason))
        else:
            added.append(one)
    return Rewrite(case, tuple(stated), tuple(added), tuple(refused), _extended(case.instruction, added, vocabulary))


def _extended(instruction: str, added: Sequence[Addition], vocabulary: Vocabulary) -> str:
    if not added:
        return instruction
    return "; ".join([instruction.rstrip(" .;,"), *(vocabulary.said(one.requirement) for one in added)])


def changed_intent(rewrite: Rewrite, vocabulary: Vocabulary) -> list[str]:
    """How a rewrite does something else than what was wanted; empty if it does not.

    Args:
        rewrite: Of a case of which it is known what is wanted.
        vocabulary: Key points.

    Returns:
        A line of each addition that contradicts what is wanted, or says what is to be done where nobody wants that.
    """
    found: list[str] = []
    if not rewrite.text.startswith(rewrite.case.instruction.rstrip(" .;,")):
        found.append("the instruction itself was changed")
    wanted = [*rewrite.case.wanted, *rewrite.stated]
    for one in rewrite.additions:
        against = [other for other in wanted if vocabulary.contradict(one.requirement, other)]
        clause = vocabulary.said(one.requirement)
        if against:
            found.append(f"“{clause}” contradicts “{vocabulary.said(against[0])}”")
        elif vocabulary[one.requirement.key].what and one.requirement not in wanted:
            found.append(f"“{clause}” was not wanted")
    return found


def _objection(case: Case, vocabulary: Vocabulary, one: Requirement, asked: Sequence[Requirement]) -> str:
    point = vocabulary[one.key]
    known = {thing_of(entry) for entry in case.scene} | {case.handled} | _ALWAYS_THERE
    known |= {singular_word(word.lower()) for word in case.instruction.replace(",", " ").split()}
    for thing in point.things(one.values):
        if thing not in known and singular_word(thing) not in known:
            return f"there is no {thing}"
    for other in asked:
        if other.key == one.key and point.things(other.values) == point.things(one.values):
            return "it was said already"
        if vocabulary.contradict(one, other):
            return f"it contradicts “{vocabulary.said(other)}”"
    return ""


def cue_reason(cue: Cue, case: Case) -> str:
    """Why a cue calls for something, in words."""
    if cue.thing is None:
        return f"because the instruction says “{cue.text}”"
    return f"because of the {cue.text}" if cue.thing != case.handled else f"because it is a {cue.text}"
