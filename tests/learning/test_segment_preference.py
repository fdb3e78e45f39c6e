import json
from dataclasses import replace
from functools import partial

import pytest
import torch

from robopref.decisions import as_reward
from robopref.errors import ConfigError, DataError, PartError
from robopref.items import Comparisons, Items
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, put_aside
from robopref.learning.preference import Batches, train_reward
from robopref.nets.clouds import CloudEncoder
from robopref.objectives.classification import kahneman_tversky, success_cross_entropy
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.ties import davidson
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget
from tests.geometry import POINTS, tiny_reward
from tests.learning.test_preference import problem


def answered(count=200, length=8):
    """Pairs of segments of which the one with the greater sum of its first value is better."""
    steps = torch.randn(count, 2, length, 3, generator=torch.Generator().manual_seed(0))
    worth = steps[..., 0].sum(-1)
    p, weight = torch.full((count, 2, 2), 0.5), torch.zeros(count, 2, 2)
    p[:, 0, 1], weight[:, 0, 1] = (worth[:, 0] > worth[:, 1]).float(), 1
    return Comparisons(Items({"values": steps}, torch.ones(count, 2, length)), PairTarget(p, weight))


@pytest.mark.parametrize("objective", [bradley_terry, partial(davidson, ties=0.2)])
@pytest.mark.parametrize(("members", "keep"), [(1, 1.0), (3, 0.5)])
def test_a_reward_learns_what_was_preferred(objective, members, keep):
    torch.manual_seed(0)
    data = answered()
    seen, held_out = data[torch.arange(150)], data[torch.arange(150, 200)]
    reward = SegmentReward(["values"], 3, width=16, members=members)
    train_reward(reward, seen, objective, FitConfig(150, 1e-2, ema=0.9), seed=0, batches=Batches(16, keep=keep))
    value = reward.score(held_out.items).value
    assert ((value[:, 0] > value[:, 1]) == (held_out.target.p[:, 0, 1] > 0.5)).float().mean() > 0.8


def test_the_same_seed_gives_the_same_reward():
    values = []
    for _ in range(2):
        torch.manual_seed(0)
        reward = train_reward(
            SegmentReward(["values"], 3), answered(), bradley_terry, FitConfig(3), seed=1, batches=Batches(keep=0.5)
        )
        values.append(reward.score(answered().items).value)
    assert torch.equal(*values)


def test_a_share_of_no_steps_is_refused():
    with pytest.raises(ConfigError, match="keep"):
        Batches(keep=0)


def test_watching_pairs_stops_early_and_keeps_what_fitted_them_best():
    torch.manual_seed(0)
    seen, held_out = put_aside(answered(60), 0.5, seed=0)
    reward, watch = SegmentReward(["values"], 3, width=64), HeldOut(held_out, every=10, patience=3)
    taken = []
    train_reward(
        reward, seen, bradley_terry, FitConfig(2000, 1e-2, ema=0.9), seed=0, batches=Batches(16), watch=watch,
        progress=lambda step, _: taken.append(step),
    )  # fmt: skip
    # Thirty pairs are soon known by heart: the loss of the others rises, and three looks later it stops.
    assert taken[-1] == watch.step + 30 < 2000
    scores = reward.score(held_out.items)
    assert bradley_terry(scores, held_out.target).total.item() == pytest.approx(watch.loss)
    assert 0.5 < watch.accuracy <= 1


def test_pairs_are_put_aside_once_each():
    seen, held_out = put_aside(answered(20), 0.25, seed=0)
    assert (len(seen), len(held_out)) == (15, 5)
    together = torch.cat([seen.items.steps["values"], held_out.items.steps["values"]]).flatten(1).sum(1).sort().values
    torch.testing.assert_close(together, answered(20).items.steps["values"].flatten(1).sum(1).sort().values)
    assert put_aside(answered(20), 0.0, seed=0)[1] is None
    with pytest.raises(ConfigError, match="held_out"):
        put_aside(answered(20), 1.0, seed=0)


def test_a_pair_is_put_aside_for_everyone_who_answered_it():
    pairs = answered(20)
    row = torch.arange(20).repeat(3)
    items = replace(pairs.items[row], context={"labeler": torch.arange(3).repeat_interleave(20)})
    seen, held_out = put_aside(replace(pairs[row], items=items), 0.25, seed=0)
    assert (len(seen), len(held_out)) == (45, 15)
    first = {tuple(values.tolist()) for values in held_out.items.steps["values"].flatten(1)}
    assert len(first) == 5
    assert first.isdisjoint(tuple(values.tolist()) for values in seen.items.steps["values"].flatten(1))
    with pytest.raises(ConfigError, match="share of the 20 pairs"):
        put_aside(replace(pairs[row], items=items), 0.98, seed=0)


def test_a_reward_learns_from_clouds():
    torch.manual_seed(0)
    data = answered(120)
    # The better segment's points lie higher, and nothing else tells them apart.
    points = torch.randn(120, 2, 8, 5, 3) * 0.1 + data.items.steps["values"][..., None, :1]
    clouds = Comparisons(Items({"points": points}, data.items.weight), data.target)
    seen, held_out = put_aside(clouds, 0.25, seed=0)
    encoder = CloudEncoder(2, widths=(16, 16), points=4)
    reward = SegmentReward(["points"], 0, width=16, members=2, encoder=encoder)
    train_reward(reward, seen, bradley_terry, FitConfig(150, 1e-2, ema=0.9), seed=0, batches=Batches(16, keep=0.5))
    value = reward.score(held_out.items).value
    assert ((value[:, 0] > value[:, 1]) == (held_out.target.p[:, 0, 1] > 0.5)).float().mean() > 0.8


def test_a_watched_training_that_was_killed_ends_as_one_that_was_not(tmp_path):
    seen, held_out = put_aside(answered(60), 0.5, seed=0)
    fit = FitConfig(400, 1e-2, ema=0.9, save_every=7)

    def trained(folder=None, progress=None):
        torch.manual_seed(0)
        watch = HeldOut(held_out, every=10, patience=2)
        reward = SegmentReward(["values"], 3, width=64)
        train_reward(
            reward, seen, bradley_terry, fit, seed=0, batches=Batches(16), watch=watch, folder=folder, progress=progress
        )
        return reward, watch

    def killed(step, _):
        if step == 12:
            raise KeyboardInterrupt

    whole, watched = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, killed)
    for _ in range(2):  # and once more when it is done
        again, watch = trained(tmp_path)
        assert (watch.step, watch.loss, watch.accuracy) == (watched.step, watched.loss, watched.accuracy)
        for name, value in whole.state_dict().items():
            assert torch.equal(again.state_dict()[name], value), name


def test_a_watched_training_at_a_constant_rate_that_is_made_longer_ends_as_one_that_was_never_stopped(tmp_path):
    seen, held_out = put_aside(answered(60), 0.5, seed=0)

    def trained(steps, folder=None):
        torch.manual_seed(0)
        watch, reward = HeldOut(held_out, every=10, patience=2), SegmentReward(["values"], 3, width=64)
        fit = FitConfig(steps, 1e-2, ema=0.9, schedule="constant", warmup_steps=5)
        train_reward(reward, seen, bradley_terry, fit, seed=0, batches=Batches(16), watch=watch, folder=folder)
        return reward, watch

    whole, watched = trained(400)
    # The end of the first is looked at, too, but what was found there is not part of a longer run.
    for steps in (13, 17, 400):
        longer, watch = trained(steps, tmp_path)
    assert watched.step < 380
    assert (watch.step, watch.loss, watch.accuracy) == (watched.step, watched.loss, watched.accuracy)
    for name, value in whole.state_dict().items():
        assert torch.equal(longer.state_dict()[name], value), name
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert min(row["held_out_loss"] for row in rows if "held_out_loss" in row) == watched.loss


@pytest.mark.parametrize("best", [{"mean": torch.zeros(3)}, {"mean": "x"}, ["mean"], None], ids=str)
def test_best_weights_of_another_reward_are_refused_before_a_step(tmp_path, best):
    seen, held_out = put_aside(answered(60), 0.5, seed=0)

    def trained():
        watch, reward = HeldOut(held_out, every=2), SegmentReward(["values"], 3)
        train_reward(
            reward, seen, bradley_terry, FitConfig(4), seed=0, batches=Batches(8), watch=watch, folder=tmp_path
        )

    torch.manual_seed(0)
    trained()
    stored = load_checkpoint(tmp_path / "state.pt")
    save_checkpoint(tmp_path / "state.pt", stored | {"watch": stored["watch"] | {"best": best}})
    torch.manual_seed(0)
    with pytest.raises(DataError, match=r"state\.pt does not fit this model"):
        trained()


def test_the_last_step_is_looked_at_whatever_its_number():
    seen, held_out = put_aside(answered(60), 0.5, seed=0)
    watch = HeldOut(held_out)
    train_reward(SegmentReward(["values"], 3), seen, bradley_terry, FitConfig(3, 1e-3), seed=0, watch=watch)
    assert watch.step == 3
    assert 0 <= watch.accuracy <= 1


def test_any_reward_can_be_watched():
    data = problem(40, seed=0)
    seen, held_out = put_aside(data, 0.25, seed=0)
    watch, reward = HeldOut(held_out, every=2), tiny_reward()
    train_reward(reward, seen, bradley_terry, FitConfig(5), seed=0, batches=Batches(8, POINTS), watch=watch)
    scores = as_reward(reward).score(held_out.items)
    assert bradley_terry(scores, held_out.target).total.item() == pytest.approx(watch.loss)


class TrustsPeers:
    """Each member learns from what the other member agrees with."""

    def weigh(self, margins, p, done):
        self.seen = margins.shape, p.shape
        agree = (margins > 0) == (p > 0.5)[:, None]
        return agree.flip(1).float()


def test_a_live_filter_weighs_each_pair_for_each_member():
    torch.manual_seed(0)
    reward, trusts, asked = SegmentReward(["values"], 3, members=2), TrustsPeers(), []

    def objective(scores, target):
        asked.append((scores.value.detach(), target.p, target.weight))
        return bradley_terry(scores, target)

    data = answered(20)
    train_reward(reward, data, objective, FitConfig(1), seed=0, batches=Batches(6, filters=(trusts,)))
    ((value, p, weight),) = asked
    assert trusts.seen == ((6, 2), (6,))
    assert value.shape == (12, 2)
    assert torch.equal(p[:6], p[6:])  # members share their batches
    right = ((value[:, 0] > value[:, 1]) == (p[:, 0, 1] > 0.5)).float()
    assert torch.equal(weight[:, 0, 1], right.view(2, 6).flip(0).flatten())
    assert 0 < right.sum() < 12


@pytest.mark.parametrize(
    ("weigh", "message"),
    [
        (lambda margins, *_: margins.sum(), r"has to return a tensor \(6, 2\), as margins are, got a tensor \(\)"),
        (lambda margins, *_: margins.abs()[:, 0], r"got a tensor \(6,\)"),
        (lambda margins, *_: margins.tolist(), "got list"),
        (lambda margins, *_: -torch.ones_like(margins), "numbers that are not negative"),
        (lambda margins, *_: margins * float("nan"), "numbers that are not negative"),
    ],
)
def test_weights_that_are_none_are_refused(weigh, message):
    live = type("Live", (), {"weigh": staticmethod(weigh)})()
    reward, batches = SegmentReward(["values"], 3, members=2), Batches(6, filters=(live,))
    with pytest.raises(ConfigError, match=f"^filter Live: .*{message}"):
        train_reward(reward, answered(20), bradley_terry, FitConfig(1), seed=0, batches=batches)


def test_a_live_filter_that_fails_is_one_line_that_names_it():
    class Live:
        def weigh(self, margins, p, done):
            return margins + torch.ones(7)

    reward, batches = SegmentReward(["values"], 3, members=2), Batches(6, filters=(Live(),))
    with pytest.raises(
        PartError, match=r"^filter Live: weigh\(margins, p, done\) raised RuntimeError: The size of tensor"
    ):
        train_reward(reward, answered(20), bradley_terry, FitConfig(1), seed=0, batches=batches)


@pytest.mark.parametrize(
    ("objective", "message"),
    [(kahneman_tversky, None), (success_cross_entropy, "outcome of every item, and is given preferences")],
)
def test_an_objective_that_does_not_fit_is_refused_for_every_reward(objective, message):
    if message is None:
        objective = partial(objective)
    with pytest.raises(ConfigError, match="is given preferences among items"):
        train_reward(SegmentReward(["values"], 3), answered(10), objective, FitConfig(1), seed=0)


def test_what_other_objectives_say_of_segments_is_kept():
    asked = []

    def objective(scores, target):
        asked.append(target.offset)
        return bradley_terry(scores, target)

    data = answered(10)
    target = PairTarget(data.target.p, data.target.weight, torch.arange(20.0).view(10, 2))
    reward = SegmentReward(["values"], 3, members=2)
    train_reward(reward, Comparisons(data.items, target), objective, FitConfig(1), seed=0, batches=Batches(4))
    assert asked[0].shape == (8, 2)
    assert torch.equal(asked[0][:, 1] - asked[0][:, 0], torch.ones(8))
