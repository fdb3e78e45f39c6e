"""On a GPU: a step that is replayed as one CUDA graph is the same step, and learning ends as on a CPU."""

from dataclasses import replace

import pytest
import torch

from robopref.learning.idql import ImplicitDiffusionQLearning
from robopref.learning.imitate import BehaviourCloning
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

TINY = OfflineConfig(steps=12, batch_size=8, hidden=(16, 16), encoder=(8, 8), points=6, save_every=5, log_every=4)
KINDS = pytest.mark.parametrize("kind", ["data", "clouds"])
LEARNERS = pytest.mark.parametrize("learner", [ImplicitQLearning, ImplicitDiffusionQLearning, BehaviourCloning])


def ended(learner, data, config=TINY, **where):
    made = learner(data, config, seeds=[3, 1], **where)
    train(made, config, seed=0)
    return made


def plain(learner, data):
    """The same steps on a GPU, none of them replayed."""
    made = learner(data, TINY, seeds=[3, 1], device="cuda")
    for part in (made, *([made.q] if learner is ImplicitDiffusionQLearning else [])):
        part.captured = part.captured.function
    train(made, TINY, seed=0)
    return made


def close(one, other, **tolerance):
    for index in range(2):
        parts = zip(one.policy(index).state_dict().items(), other.policy(index).state_dict().values(), strict=True)
        for (name, a), b in parts:
            torch.testing.assert_close(a.cpu(), b.cpu(), msg=lambda text, name=name: f"{name}: {text}", **tolerance)


@KINDS
@LEARNERS
def test_replayed_steps_equal_plain_ones(learner, kind, request):
    data = request.getfixturevalue(kind)
    close(ended(learner, data, device="cuda"), plain(learner, data), rtol=1e-4, atol=1e-6)


@KINDS
@LEARNERS
def test_learning_ends_as_on_a_cpu(learner, kind, request):
    data = request.getfixturevalue(kind)
    close(ended(learner, data, device="cuda"), ended(learner, data), rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [ImplicitQ(critics=4), ImplicitQ(actor=False)])
def test_critics_end_as_on_a_cpu(settings, data):
    config = replace(TINY, dropout=0.5)
    found = []
    for device in ("cuda", "cpu"):
        learner = ImplicitQLearning(data, config, settings, seeds=[3, 1], device=device)
        train(learner, config, seed=0)
        found.append(learner.critics(1).state_dict())
    for a, b in zip(*(state.values() for state in found), strict=True):
        torch.testing.assert_close(a.cpu(), b.cpu(), rtol=5e-3, atol=1e-4)


@LEARNERS
def test_a_stopped_run_goes_on_in_a_graph(learner, data, tmp_path):
    whole = ended(learner, data, device="cuda")
    half = learner(data, TINY, seeds=[3, 1], device="cuda")
    train(half, TINY, seed=0, folder=tmp_path, stop=lambda step: step == 5)
    again = learner(data, TINY, seeds=[3, 1], device="cuda")
    train(again, TINY, seed=0, folder=tmp_path)
    close(whole, again, rtol=1e-4, atol=1e-6)
