"""What `robopref label` knows of a reward of named features: a brief, and what was answered so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.labelers.asking import label_database
from robopref.labelers.subject import Subject
from robopref.querying.briefs import Brief, read_brief
from robopref.querying.question_seconds import seconds_by_kind
from robopref.querying.typed_inquiry import TypedInquiry, matching, named_features, typed_inquiry
from robopref.records import FEATURE_KINDS


def goes_by_features(context: Context) -> bool:
    """Whether questions are chosen by what is believed of a reward of named features."""
    kind: Any = context.config.label.kind
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return context.config.label.get("features") is not None or bool(kinds & set(FEATURE_KINDS))


def brief_of_run(context: Context) -> Brief:
    """The brief that ``brief`` names; an empty one if none is.

    Raises:
        ConfigError: No feature is named that it could be about.
        DataError: It is none.
    """
    path = context.config.get("brief")  # robopref offline and online have none
    if path is None:
        return Brief()
    brief = read_brief(str(path))
    if not goes_by_features(context):
        raise ConfigError(
            "brief= says what is known of named features, and none are asked about; name some with label.features=, or "
            "ask about them with label.kind=[pair,feature]"
        )
    return brief


def inquiry_of(context: Context, subject: Subject) -> TypedInquiry:
    """What is known of what people want, by the brief of a run and its answers about the subject.

    Raises:
        ConfigError: The brief is about other features.
    """
    brief = matching(brief_of_run(context), subject.described)
    limited = {query.feature.name for query in subject.pool if query.kind == "threshold" and query.feature is not None}
    limited |= {name for name, known in brief.features.items() if known.limit is not None}
    features = named_features(subject.described, limited)
    with FeedbackStore(label_database(context.folder, build(context.config.labeler))) as store:
        queries = {query.id: query for query in store.queries() if query.source == subject.source}
        feedback = [given for given in store.feedback() if given.query_id in queries]
    seconds = seconds_by_kind(queries.values(), feedback)
    usual = features.scaled(np.mean([subject.features(item) for item in subject.measured], axis=0))
    return typed_inquiry(
        features, subject.features, brief, (queries, feedback), seconds, usual=usual,
        seed=context.seed,
    )  # fmt: skip
