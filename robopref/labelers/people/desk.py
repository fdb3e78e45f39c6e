"""What a labeler sees next and what becomes of the answer; the page and the terminal are two views of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from robopref.data.labels.assignments import SKIPPED, Assignments
from robopref.data.labels.feedback_records import check_answer, from_json
from robopref.errors import DataError
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.questions import of_items, shown_order
from robopref.labelers.people.scenes import Scenes, describe_scenes
from robopref.records import Abstain, Feedback, Query, Ranking

CANNOT_TELL, BAD_EPISODE = "cannot tell", "bad episode"
REASONS = (SKIPPED, CANNOT_TELL, BAD_EPISODE)
VERSION = "1"  # of how questions are put; recorded with every answer
_OF_OUTCOMES = f"{VERSION} of outcomes"  # where what came of an item is shown


class Desk:
    """Puts questions to people and takes their answers.

    Args:
        assignments: Who answers what.
        scenes: Clouds and paths of the items, by dataset.
        media: Videos of the items, if there are any.
        levels: Steps of the rating scale.
    """

    def __init__(
        self,
        assignments: Assignments,
        *,
        scenes: Mapping[str, Scenes] | None = None,
        media: MediaFolder | None = None,
        levels: int = 5,
    ) -> None:
        self.assignments, self.scenes, self.media, self.levels = assignments, scenes or {}, media, levels

    def next(self, labeler: str) -> dict[str, Any]:
        """What a labeler sees: a question or none, what can be taken back, and the progress.

        Args:
            labeler: Who.

        Returns:
            JSON values.

        Raises:
            DataError: The database or the dataset cannot be read.
        """
        return self._state(labeler, self.assignments.claim(labeler))

    def answer(self, given: Feedback, answer_id: str) -> dict[str, Any]:
        """Take an answer, and say what its labeler sees then, as `next` does.

        Args:
            given: The answer.
            answer_id: Name that its sender made for it.

        Returns:
            JSON values.

        Raises:
            DataError: As for `Assignments.submit`.
        """
        return self._state(given.labeler, self.assignments.exchange(given, answer_id))

    def _state(self, labeler: str, query: Query | None) -> dict[str, Any]:
        last, progress = self.assignments.standing(labeler)
        return {
            "annotator": labeler,
            "question": None if query is None else self.describe(query, labeler),
            "undo": last,
            "progress": dataclasses.asdict(progress),
        }

    def describe(self, query: Query, labeler: str) -> dict[str, Any]:
        """A question as JSON values, its items in the order in which the labeler sees them."""
        order = shown_order(query, labeler)
        scenes = describe_scenes(self.scenes, query, order)
        for index, shown in zip(order, scenes["items"], strict=True):
            video = None if self.media is None else self.media.video(query.items[index])
            shown["video"] = None if video is None or self.media is None else self.media.address(video)
        head = {"id": query.id, "kind": query.kind, "instruction": query.instruction, "order": order}
        return {**head, "levels": self.levels, **_described(query, order), **scenes}

    def progress(self) -> dict[str, Any]:
        """How far everyone is, as JSON values."""
        return dataclasses.asdict(self.assignments.progress())

    def read(
        self, query: Query, labeler: str, answer: dict[str, Any], *, seconds: float | None = None, rationale: str = ""
    ) -> Feedback:
        """Make feedback of what a labeler said about the items as shown.

        Args:
            query: The question.
            labeler: Who answers.
            answer: The answer as JSON values, by places: 0 is the leftmost.
            seconds: How long it took.
            rationale: Free text.

        Returns:
            The feedback, by items.

        Raises:
            DataError: The answer does not fit the question.
        """
        try:
            rationale.encode()
        except UnicodeEncodeError as error:
            raise DataError("the reason must be text that can be written down") from error
        order = shown_order(query, labeler)
        found = self.scenes.get(query.source)
        version = VERSION if found is None or found.after is None else _OF_OUTCOMES
        stored = {"query_id": query.id, "labeler": labeler, "labeler_version": version, "answer": answer}
        given = from_json(Feedback, {**stored, "time": time.time(), "order": list(order), "seconds": seconds})
        check_answer(given, query)
        if isinstance(given.answer, Ranking) and max(given.answer.ranks) >= len(order):
            raise DataError(f"ranks of {len(order)} items must be below {len(order)}")
        if isinstance(given.answer, Abstain) and given.answer.reason not in REASONS:
            raise DataError(f"the reason of no answer must be one of {', '.join(REASONS)}")
        text = "".join(letter for letter in rationale.strip() if letter.isprintable() or letter in "\n\t")
        return dataclasses.replace(given, answer=of_items(given.answer, order), rationale=text)


def _described(query: Query, order: Sequence[int]) -> dict[str, Any]:
    """The feature that a question is about, if any, as JSON values; ``values`` by the places of the examples."""
    if (feature := query.feature) is None:
        return {}
    told = {name: getattr(feature, name) for name in ("unit", "scale", "low", "high", "side", "digits")}
    values = [feature.values[index] for index in order] if feature.values else []
    return {"feature": {"said": feature.words, **told, "values": values}}
