"""Embeddings learn what is alike from answers, and are told apart from those that were told nonsense."""

from functools import partial

import pytest
import torch

from robopref.data.labels.triplets import Triplets
from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons, Items
from robopref.learning.embedding_autoencoder import from_reconstruction
from robopref.learning.embedding_training import (
    EmbeddingData,
    EmbeddingFit,
    from_similarity,
    from_tasks,
    odd_accuracy,
    untrained,
)
from robopref.learning.fit import FitConfig
from robopref.objectives.similarity import odd_one_out, triplet
from robopref.rewards.item_embedding import StepEmbedding, embedding_for_items
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget

QUICK = EmbeddingFit(FitConfig(60, 1e-2, ema=0.9, log_every=60), held_out=0.2)


def drawn(count, *, seed=0, wrong=False):
    """Items of five numbers, of which people go by the first alone."""
    generator = torch.Generator().manual_seed(seed)
    state = torch.randn(count, 3, 1, 5, generator=generator)
    seen = state[:, :, 0, 0]
    near = torch.stack([(seen[:, i] - seen[:, j]).abs() for i, j in ((1, 2), (0, 2), (0, 1))], dim=1)
    odd = torch.randint(3, (count,), generator=generator) if wrong else near.argmin(1)
    return Triplets(Items({"state": state}, torch.ones(count, 3, 1)), odd, torch.ones(count))


def data(triplets, tasks=None):
    return EmbeddingData(lambda: triplets, lambda: triplets.items, lambda: tasks or {})


def new(triplets, size=2):
    torch.manual_seed(0)
    return embedding_for_items(triplets.items, size=size, width=16)


@pytest.mark.parametrize("objective", [triplet, odd_one_out])
def test_what_people_find_alike_lies_together(objective):
    told, fresh = drawn(200), drawn(300, seed=1)
    embedding = new(told)
    found = from_similarity(embedding, data(told), QUICK, objective=objective)
    assert (found.answers, found.held_out) == (160, 40)
    assert found.accuracy is not None
    assert found.accuracy > 0.6
    assert odd_accuracy(embedding, fresh) > 0.6
    assert not embedding.training


def test_nonsense_is_not_learnt():
    told = drawn(200, wrong=True)
    found = from_similarity(new(told), data(told), QUICK, objective=triplet)
    assert found.accuracy is not None
    assert found.accuracy < 0.55  # chance is a third, of 40 answers


def test_accuracy_by_hand():
    # On a line at 0, 3 and 4 the first is odd; at 0, 1 and 5 the third.
    places = torch.tensor([[0.0, 3.0, 4.0], [0.0, 1.0, 5.0]])[:, :, None, None]
    triplets = Triplets(Items({"place": places}, torch.ones(2, 3, 1)), torch.tensor([0, 0]), torch.tensor([3.0, 1.0]))

    class Given(StepEmbedding):
        def embed(self, items):
            return items.steps["place"]

    assert odd_accuracy(Given(SegmentReward(["place"], 1, width=2)), triplets) == 0.75


def test_a_training_goes_on_where_it_was_stopped(tmp_path):
    told = drawn(60)
    whole, half = new(told), new(told)
    how = EmbeddingFit(FitConfig(20, 1e-2, ema=0.9, save_every=5), held_out=0.2, folder=tmp_path / "whole")
    from_similarity(whole, data(told), how, objective=triplet)

    class StopError(Exception):
        pass

    def stop(step, _):
        if step == 10:
            raise StopError

    kept = partial(EmbeddingFit, FitConfig(20, 1e-2, ema=0.9, save_every=5), held_out=0.2, folder=tmp_path / "half")
    with pytest.raises(StopError):
        from_similarity(half, data(told), kept(progress=stop), objective=triplet)
    again = new(told)
    from_similarity(again, data(told), kept(), objective=triplet)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_an_autoencoder_makes_numbers_anew_without_answers():
    told = drawn(100)
    embedding, before = new(told, size=5), new(told, size=5)
    found = from_reconstruction(embedding, data(told), EmbeddingFit(FitConfig(30, 1e-2, ema=0.9)))
    assert (found.answers, found.accuracy) == (0, None)
    assert not torch.allclose(embedding.embed(told.items), before.embed(told.items))
    with pytest.raises(ConfigError, match="beta and hidden must be positive"):
        from_reconstruction(embedding, data(told), EmbeddingFit(FitConfig(1)), beta=0.0)


def test_an_untrained_embedding_knows_the_spread_of_what_it_sees():
    told = drawn(50)
    embedding, before = new(told), new(told)
    untrained(embedding, data(told), QUICK)
    torch.testing.assert_close(embedding.network.mean, told.items.steps["state"].flatten(0, 2).mean(0))
    torch.testing.assert_close(list(embedding.parameters()), list(before.parameters()))


def compared(sign, seed):
    generator = torch.Generator().manual_seed(seed)
    state = torch.randn(80, 2, 1, 5, generator=generator)
    worth = sign * state[:, :, 0, 0]
    p, weight = torch.full((80, 2, 2), 0.5), torch.zeros(80, 2, 2)
    p[:, 0, 1], weight[:, 0, 1] = (worth[:, 0] > worth[:, 1]).float(), 1
    return Comparisons(Items({"state": state}, torch.ones(80, 2, 1)), PairTarget(p, weight))


def test_tasks_share_an_embedding_of_what_they_have_in_common():
    told, fresh = drawn(10), drawn(300, seed=1)
    embedding, before = new(told), new(told)
    found = from_tasks(embedding, data(told, {"a": compared(1, 2), "b": compared(-1, 3)}), QUICK)
    assert found.answers == 160
    embedding.standardise(fresh.items)
    before.standardise(fresh.items)
    assert odd_accuracy(embedding, fresh) > odd_accuracy(before, fresh) + 0.1
    with pytest.raises(DataError, match="two tasks or more, there is 1"):
        from_tasks(embedding, data(told, {"a": compared(1, 2)}), QUICK)


def test_what_is_held_out_has_to_leave_answers():
    with pytest.raises(ConfigError, match=r"held_out=0\.9 of 2 answers leaves none"):
        from_similarity(new(drawn(2)), data(drawn(2)), EmbeddingFit(FitConfig(1), held_out=0.9), objective=triplet)
