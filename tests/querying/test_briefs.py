import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from robopref.errors import ConfigError, DataError, RoboprefError
from robopref.querying.briefs import Brief, KnownFeature, brief_of, read_brief
from robopref.rewards.answer_likelihood import TypedQuestion
from robopref.rewards.named_features import NamedFeatures

FEATURES = NamedFeatures(("height", "tilt", "gap"), np.zeros(3), np.array([0.5, 1.0, 2.0]), (None, None, "low"))
WRITTEN = """
task: Carry the cup to the ball
features:
  height: {matters: true, direction: less}
  tilt: {effect: -4}
  gap: {limit: 0.5}
"""


def about(kind, feature):
    return TypedQuestion(kind, np.zeros((0, 3)), feature)


def refused(tmp_path, text):
    path = tmp_path / "brief.yaml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_brief(path)
    message = str(error.value)
    assert message.startswith((f"the brief {path}", "cannot read")), message
    assert "\n" not in message
    return message


def test_a_written_brief_is_read(tmp_path):
    path = tmp_path / "brief.yaml"
    path.write_text(WRITTEN)
    brief = read_brief(path)
    assert brief.task == "Carry the cup to the ball"
    assert brief.of("height") == KnownFeature(matters=True, direction="less")
    assert brief.of("speed") == KnownFeature()
    assert brief_of(yaml.safe_load(yaml.safe_dump(brief.to_dict()))) == brief


def test_a_brief_is_a_prior_and_answers(tmp_path):
    brief = brief_of(yaml.safe_load(WRITTEN))
    prior = brief.prior(FEATURES, scale=3.0, doubt=0.3)
    np.testing.assert_allclose(prior.mean, [0, -4, 0])
    np.testing.assert_allclose(prior.std, [3, 0.3, 3])
    np.testing.assert_allclose(prior.limits, [np.nan, np.nan, 0.25])
    (told,) = brief.answers(FEATURES)
    assert (told.question.feature, told.answer.tolist()) == (0, [1, 0, 0])


def test_that_a_feature_matters_is_an_answer_that_leaves_the_direction_open():
    (told,) = Brief(features={"tilt": KnownFeature(matters=True)}).answers(FEATURES)
    assert told.answer.tolist() == [1, 0, 1]


def test_what_does_not_matter_has_no_weight_and_nothing_open():
    brief = Brief(features={"gap": KnownFeature(matters=False)})
    assert brief.prior(FEATURES).std[2] < 0.05
    weights, limits = brief.left_open(FEATURES)
    assert weights.tolist() == [True, True, False]
    assert limits.tolist() == [False, False, False]


def test_what_a_brief_fixes_is_not_left_to_be_asked():
    brief = brief_of(yaml.safe_load(WRITTEN))
    assert [brief.fixes(FEATURES, about("feature", place)) for place in range(3)] == [True, True, False]
    assert brief.fixes(FEATURES, about("threshold", 2))
    assert not Brief().fixes(FEATURES, about("threshold", 2))
    assert not brief.fixes(FEATURES, TypedQuestion("pair", np.zeros((2, 3))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("- a", "expected a mapping, got ['a']"),
        ("{a: [", "is no YAML in line"),
        ("feature: {}", "Did you mean features"),
        ("features: [tilt]", "must be a mapping from names"),
        ("features: {3: {}}", "names of features are text, got 3"),
        ("features: {tilt: yes}", "features.tilt must be a mapping with some of matters"),
        ("features: {tilt: {mater: true}}", "Did you mean matters"),
        ("features: {tilt: {matters: 1}}", "features.tilt.matters must be true or false, got 1"),
        ("features: {tilt: {direction: up}}", "features.tilt.direction must be more or less, got 'up'"),
        ("features: {tilt: {effect: large}}", "features.tilt.effect must be a number, got 'large'"),
        ("features: {tilt: {effect: true}}", "must be a number, got True"),
        ("features: {tilt: {limit: .nan}}", "features.tilt: limit must be a finite number"),
        ("features: {tilt: {matters: false, direction: less}}", "does not matter, and yet"),
        ("features: {tilt: {direction: more, effect: -1}}", "contradicts effect -1"),
        ("task: [a]", "task must be a sentence"),
        ("!!python/object/apply:os.system [ls]", "is no YAML in line 1"),
        (f"features: {{tilt: {{effect: 1{'0' * 400}}}}}", "too large"),
    ],
)
def test_what_is_no_brief_is_refused_in_a_line(tmp_path, text, said):
    assert said in refused(tmp_path, text)


def test_a_missing_binary_or_huge_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_brief(tmp_path / "none.yaml")
    path = tmp_path / "brief.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no text"):
        read_brief(path)
    path.write_bytes(b"a" * 1_000_001)
    with pytest.raises(DataError, match="more than 1,000,000 bytes"):
        read_brief(path)


def test_a_file_that_repeats_itself_without_end_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)), "task: *a11"]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    with pytest.raises(DataError, match="refers to itself"):
        read_brief(tmp_path / "bomb.yaml")
    nested = "&a0 [x]"
    for k in range(1, 10):
        nested = f"&a{k} [{nested}, {', '.join([f'*a{k - 1}'] * 9)}]"
    (tmp_path / "bomb.yaml").write_text(f"task: {nested}\n")
    with pytest.raises(DataError, match="refers to itself"):
        read_brief(tmp_path / "bomb.yaml")


def test_a_brief_of_other_features_is_refused():
    for brief, said in [
        ({"hight": {}}, "Did you mean height"),
        ({"tilt": {"limit": 0.2}}, "no side"),
        ({"gap": {"limit": 9}}, "off its scale from 0 to 2"),
    ]:
        with pytest.raises(ConfigError, match=said):
            brief_of({"features": brief}).prior(FEATURES)


@settings(max_examples=60)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["task", "features", "tilt", "matters", "effect", "limit"]), inner, max_size=3),
                    max_leaves=8))  # fmt: skip
def test_whatever_is_in_a_file_it_is_a_brief_or_refused(content):
    try:
        brief = brief_of(content)
    except RoboprefError:
        return
    assert brief_of(brief.to_dict()) == brief
