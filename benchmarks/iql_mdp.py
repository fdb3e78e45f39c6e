"""IQL against an exact solution: a random MDP of 6 states and 3 actions, solved from the dataset's own frequencies.

The exact values are the fixed point of ``V(s) = expectile_tau over a of Q(s, a)`` with the shares in which the data
take actions, and ``Q(s, a) = r + gamma E V(s')`` with the shares in which next states followed: dynamic programming
without networks, gradients or anything of robopref.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.records import Record, across_seeds, write
from robopref.data.episodes.transitions import Transitions
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig

STATES, ACTIONS, STEPS, DISCOUNT = 6, 3, 2000, 0.7
SEEDS = range(5)


def main() -> None:
    """Compare for three expectiles and five seeds."""
    records: list[Record] = []
    for expectile in (0.5, 0.7, 0.9):
        errors = []
        for seed in SEEDS:
            learnt, exact = learnt_and_exact(expectile=expectile, seed=seed, steps=6000)
            errors.append(float(np.abs(learnt - exact).max() / np.ptp(exact)))
        claim = f"expectile {expectile}: largest error of a state's value over the range of values"
        records.append(across_seeds(claim, errors, "<= 0.02"))
        print(records[-1], flush=True)
    print(f"result: {write('iql_mdp', records)}")


def learnt_and_exact(*, expectile: float, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (STATES,) by IQL and by dynamic programming on the same dataset."""
    walk = sampled(seed)
    exact = solved(walk, expectile)
    state, action, reward, after = walk
    one_hot = torch.eye(STATES)
    data = Transitions(
        keys=("state",), vector=one_hot[state], points=None, next_vector=one_hot[after],
        action=torch.eye(ACTIONS)[action], reward=torch.as_tensor(reward, dtype=torch.float32),
        terminated=torch.zeros(len(state), dtype=torch.bool), rows=torch.arange(len(state)),
        ends=np.array([len(state)]), source=f"mdp {seed}",
    )  # fmt: skip
    config = OfflineConfig(steps=steps, batch_size=256, learning_rate=3e-3, hidden=(64,), normalize=False)
    settings = ImplicitQ(expectile=expectile, discount=DISCOUNT, target_rate=0.05, critics=1, actor=False)
    learner = ImplicitQLearning(data, config, settings, seeds=[seed])
    train(learner, replace(config, log_every=500), seed=seed)
    # At a constant learning rate the last steps wander; lower ones settle them.
    for settled, rate in enumerate((1e-3, 3e-4, 1e-4, 3e-5)):
        for optimizer in (learner.value_optimizer, learner.critic_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate
        for step in range(steps // 6):
            learner.advance(steps + settled * (steps // 6) + step, due=False)
    with torch.no_grad():
        return learner.value(one_hot[None])[0, 0, :, 0].numpy(), exact


def sampled(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Transitions of a random behaviour in a random MDP: states, actions, rewards, next states."""
    rng = np.random.default_rng(seed)
    moves = rng.dirichlet(np.full(STATES, 1.0), size=(STATES, ACTIONS))
    rewards = rng.normal(size=(STATES, ACTIONS))
    behaviour = rng.dirichlet(np.full(ACTIONS, 2.0), size=STATES)
    state = rng.integers(STATES, size=STEPS)
    action = np.array([rng.choice(ACTIONS, p=behaviour[s]) for s in state])
    after = np.array([rng.choice(STATES, p=moves[s, a]) for s, a in zip(state, action, strict=True)])
    return state, action, rewards[state, action], after


def solved(walk: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], expectile: float) -> np.ndarray:
    """The fixed point, (STATES,)."""
    state, action, reward, after = walk
    count = np.zeros((STATES, ACTIONS))
    gained, moves = np.zeros((STATES, ACTIONS)), np.zeros((STATES, ACTIONS, STATES))
    np.add.at(count, (state, action), 1)
    np.add.at(gained, (state, action), reward)
    np.add.at(moves, (state, action, after), 1)
    taken = np.maximum(count, 1)
    share = count / count.sum(1, keepdims=True)
    value = np.zeros(STATES)
    for _ in range(100):
        q = gained / taken + DISCOUNT * (moves / taken[..., None]) @ value
        value = np.array([expectile_of(q[s], share[s], expectile) for s in range(STATES)])
    return value


def expectile_of(values: np.ndarray, share: np.ndarray, expectile: float) -> float:
    """The number at which the weighted errors above and below balance, by bisection."""
    low, high = float(values.min()), float(values.max())
    for _ in range(40):
        middle = (low + high) / 2
        weight = np.where(values > middle, expectile, 1 - expectile) * share
        low, high = (middle, high) if float(weight @ (values - middle)) > 0 else (low, middle)
    return (low + high) / 2


if __name__ == "__main__":
    main()
