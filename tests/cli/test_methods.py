"""Every method that configs/method names is a row of parts that fit each other, learns, and says so in few lines."""

from functools import cache
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.data.labels.target_operators import operated
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, batch_scores, train_reward
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.scores import PairTarget, SuccessTarget
from tests.geometry import POINTS, chunks, pick_and_place, ropes, tiny_policy

FOLDER = Path(__file__).parents[2] / "configs" / "method"
METHODS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
# Candidate 0 beats 1, and 1 beats 2, in every state.
DATA = Comparisons.of_candidates(
    ropes(4), chunks(4, 3), PairTarget(torch.ones(4, 3, 3), torch.ones(4, 3, 3).triu(1)), pick_and_place()
)


@cache
def method(name: str) -> DictConfig:
    return compose_config("config", [f"method={name}"]).rewards.implicit


def test_the_published_methods_have_presets() -> None:
    assert {"diffusion_dpo", "deformpam", "ipo", "irepo", "cpl", "kto", "raft", "vpo", "pacs", "inpo"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_what_it_is_told(name: str) -> None:
    config = method(name)
    torch.manual_seed(0)
    # Energies are needed by their own methods only, and differentiate twice.
    reward = build(config.scorer)(tiny_policy(EnergyDenoiser if name.startswith("energy") else NoiseDenoiser))
    data, objective = (
        operated(DATA, None if config.operator is None else build(config.operator)),
        build(config.objective),
    )
    draws = None if config.train_draws is None else build(config.train_draws)
    batches = Batches(4, POINTS, draws)

    def loss() -> float:
        """On ten fixed draws; inverted noise is for training only."""
        scored = (
            batch_scores(reward.train(), data, torch.arange(4), batches, torch.Generator().manual_seed(seed))
            for seed in range(10)
        )
        return sum(objective(scores, data.target).total.item() for scores in scored)

    before = loss()
    train_reward(
        reward,
        data,
        objective,
        # What is contrasted with other states says less of one's own, and an anchor leaves less to gain.
        FitConfig(steps=160 if name in ("anchored_dpo", "rko", "rpo") else 40, learning_rate=1e-2, ema=0),
        seed=0,
        batches=batches,
    )
    assert loss() < 0.99 * before  # a sign that is turned round lowers some by less, by chance
    scores = reward.score(*DATA.items.decisions())
    assert scores.value.shape == (4, 3)
    assert scores.value.isfinite().all()
    FitConfig(**config.fit)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_at_most_fifteen_lines(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    assert len(lines) <= 15
    assert lines[1].startswith("# ")


def test_raft_clones_the_winners_and_scores_no_other() -> None:
    data = operated(DATA, build(method("raft").operator))
    assert isinstance(data.target, SuccessTarget)
    assert torch.equal(data.items.decisions()[1], DATA.items.decisions()[1][:, :1])
    assert data.target.weight.tolist() == [[1.0]] * 4


def test_the_better_half_is_desirable_and_the_middle_is_left_out() -> None:
    data = operated(DATA, build(method("kto").operator))
    assert isinstance(data.target, SuccessTarget)
    assert torch.equal(data.items.decisions()[1], DATA.items.decisions()[1][:, [0, 2]])
    assert data.target.y.tolist() == [[1.0, 0.0]] * 4


def test_a_method_leaves_the_explicit_reward_alone() -> None:
    plain, tuned = (compose_config("config", words).rewards.explicit for words in ([], ["method=kto"]))
    assert plain == tuned
