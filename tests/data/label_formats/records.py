"""Labels that the tests of formats write and read."""

from hypothesis import strategies as st

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.data.label_formats.exchanged_labels import Labels
from robopref.records import (
    FEATURE_KINDS,
    QUERY_KINDS,
    Abstain,
    Feedback,
    Item,
    Preference,
    Query,
    Ranking,
    Rating,
    SimilarityTriplet,
)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
starts = st.integers(0, 10**9)
times = st.floats(0, 1e9)


def pair(row, first, second, source="hopper", length=10):
    return Query(
        f"{source}/{row}", "pair", (Item(source, first, first + length), Item(source, second, second + length))
    )


@st.composite
def answered_pairs(draw):
    """Labels as index formats hold them: one answer a pair, of one dataset and length."""
    length = draw(st.integers(1, 500))
    rows = draw(st.lists(st.tuples(starts, starts, st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=20))
    queries = [pair(row, one, two, length=length) for row, (one, two, _) in enumerate(rows)]
    given = [Feedback(query.id, Preference(p), "imported") for query, (*_, p) in zip(queries, rows, strict=True)]
    return Labels(queries, given)


def features(count):
    """What questions with so many examples are about."""
    values = st.just(()) | st.tuples(*[st.floats(-9, 9)] * count)
    low, high, side = st.floats(-5, -1), st.floats(2, 5), st.sampled_from(["low", "high"])
    name, said = st.from_regex("[a-z]{1,9}", fullmatch=True), st.sampled_from(["", "the height", "높이"])
    return st.builds(AskedFeature, name, name, said, said, st.floats(0.1, 9), low, high, side, values)


@st.composite
def everything(draw):
    """Questions of every kind, each with any number of answers."""
    queries, feedback = [], []
    for number in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(QUERY_KINDS))
        asked = kind in FEATURE_KINDS
        count = {"pair": 2, "similarity": 3, "rating": 1}.get(kind) or draw(st.integers(0 if asked else 2, 4))
        items = [
            Item(draw(text), start := draw(starts), start + 1, draw(st.none() | st.integers(0, 9)))
            for _ in range(count)
        ]
        queries.append(
            Query(f"{number}{draw(text)}", kind, tuple(items), draw(text), draw(features(count)) if asked else None)
        )
        fitting = {
            "pair": st.builds(Preference, st.floats(0, 1)),
            "ranking": st.builds(Ranking, st.tuples(*[st.integers(0, 5)] * count)),
            "similarity": st.builds(SimilarityTriplet, st.integers(0, 2)),
            "rating": st.builds(Rating, st.floats(0, 1)),
            "feature": st.builds(FeatureRelevance, st.integers(-1, 1)),
            "threshold": st.builds(Threshold, st.floats(-1, 2)),
        }[kind]
        order = st.just(()) | st.permutations(range(count)).map(tuple)
        given = st.builds(
            Feedback, st.just(queries[-1].id), fitting | st.builds(Abstain, text), text, text, st.floats(0, 1), times,
            text, order, st.none() | times,
        )  # fmt: skip
        feedback += draw(st.lists(given, max_size=3))
    return Labels(queries, draw(st.permutations(feedback)))
