"""The gradient loop: what it reaches, how it resumes, and when it stops."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError, MismatchError, TrainingError
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.learning.fit import FitConfig, fit
from robopref.learning.origin import TrainingOrigin
from robopref.scores import Loss
from tests.geometry import initialised


class KilledError(Exception):
    """What ends a run from outside."""


def line(inputs: int = 1, seed: int = 0) -> nn.Module:
    return initialised(lambda: nn.Linear(inputs, 1), seed)


def squared_error(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
    """Of y = 2 x + 1, with noise."""
    x = torch.randn(16, 1, generator=generator)
    y = 2 * x + 1 + 0.01 * torch.randn(16, 1, generator=generator)
    total = (model(x) - y).square().mean()
    return Loss(total, {"loss": total.detach()})


def kill_at(step: int) -> Callable[[int, dict[str, float]], None]:
    def progress(done: int, _: dict[str, float]) -> None:
        if done == step:
            raise KilledError

    return progress


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(model: nn.Module) -> list[Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


SHORT = FitConfig(steps=20, learning_rate=0.05, save_every=6, log_every=3)


@pytest.mark.parametrize("ema", [0.0, 0.98])
def test_fits_a_line(ema: float) -> None:
    model = fit(line(), squared_error, FitConfig(steps=250, learning_rate=0.1, weight_decay=0, ema=ema), seed=0)
    assert not model.training
    assert model.weight.item() == pytest.approx(2, abs=0.02)
    assert model.bias.item() == pytest.approx(1, abs=0.02)


def test_the_seed_decides() -> None:
    one, again, other = (weights(fit(line(), squared_error, SHORT, seed=seed)) for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


def test_progress_hears_of_every_step() -> None:
    heard = list[tuple[int, dict[str, float]]]()
    fit(line(), squared_error, FitConfig(steps=5, log_every=2), seed=0, progress=lambda *told: heard.append(told))
    assert [step for step, _ in heard] == [1, 2, 3, 4, 5]
    assert heard[0][1] == {}
    assert heard[1][1] == heard[2][1] != heard[3][1]


def test_records_are_due_and_at_the_end(tmp_path: Path) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    assert [row["step"] for row in metrics(tmp_path)] == [3, 6, 9, 12, 15, 18, 20]
    assert all(math.isfinite(row["loss"]) for row in metrics(tmp_path))
    assert list((tmp_path / "tensorboard").iterdir())
    assert load_checkpoint(tmp_path / "state.pt")["step"] == 20


@pytest.mark.parametrize("killed", [1, 6, 7, 14, 19])
@pytest.mark.parametrize("ema", [0.0, 0.999])
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, killed: int, ema: float) -> None:
    config = FitConfig(steps=20, learning_rate=0.05, save_every=6, log_every=3, ema=ema)
    whole = fit(line(), squared_error, config, seed=3, folder=tmp_path / "whole")
    with pytest.raises(KilledError):
        fit(line(), squared_error, config, seed=3, folder=tmp_path / "killed", progress=kill_at(killed))
    heard = list[int]()
    resumed = fit(
        line(), squared_error, config, seed=3, folder=tmp_path / "killed", progress=lambda step, _: heard.append(step)
    )
    assert same(weights(resumed), weights(whole))
    assert heard == list(range(killed // 6 * 6 + 1, 21))
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")


def test_half_a_line_of_metrics_does_not_stop_a_resumed_run(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, progress=kill_at(14))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 15, "lo')
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    assert [row["step"] for row in metrics(tmp_path)] == [3, 6, 9, 12, 15, 18, 20]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    done = weights(fit(line(), squared_error, SHORT, seed=0, folder=tmp_path))
    heard = list[int]()
    again = fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, progress=lambda s, _: heard.append(s))
    assert heard == []
    assert same(weights(again), done)
    assert not again.training


def test_metrics_of_a_run_that_saved_nothing_are_dropped(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, progress=kill_at(5))
    assert [row["step"] for row in metrics(tmp_path)] == [3]
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    assert [row["step"] for row in metrics(tmp_path)] == [3, 6, 9, 12, 15, 18, 20]


@pytest.mark.parametrize("killed", [6, 7, 20])
def test_tensorboard_keeps_every_point_of_a_run_that_was_stopped(tmp_path: Path, killed: int) -> None:
    config = FitConfig(steps=20, save_every=6, log_every=3)
    with pytest.raises(KilledError):
        fit(line(), squared_error, config, seed=0, folder=tmp_path, progress=kill_at(killed))
    for _ in range(2):  # the second time there is nothing to do
        fit(line(), squared_error, config, seed=0, folder=tmp_path)
        events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
        assert sorted({event.step for event in events.Scalars("loss")}) == [3, 6, 9, 12, 15, 18, 20]


def test_what_differs_from_an_earlier_run_is_named(tmp_path: Path) -> None:
    made = TrainingOrigin("a", {"points": 12, "labels": "0" * 64})
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, origin=made)
    other = TrainingOrigin("b", {"points": 24, "labels": "1" * 64})
    with pytest.raises(DataError) as caught:
        fit(line(), squared_error, replace(SHORT, learning_rate=0.5), seed=0, folder=tmp_path, origin=other)
    assert f"(learning_rate was {SHORT.learning_rate}, is 0.5, points was 12, is 24, other labels)" in str(caught.value)
    with pytest.raises(DataError, match="other first weights"):
        fit(line(seed=3), squared_error, SHORT, seed=0, folder=tmp_path, origin=made)
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, origin=made)


def test_a_state_of_before_that_names_nothing_is_continued_or_refused_as_ever(tmp_path: Path) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, origin="a")
    state = load_checkpoint(tmp_path / "state.pt")
    del state["parts"]
    save_checkpoint(tmp_path / "state.pt", state)
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, origin=TrainingOrigin("a", {"points": 12}))
    with pytest.raises(DataError, match="with other settings; remove"):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, origin=TrainingOrigin("b", {"points": 12}))


@pytest.mark.parametrize(
    ("model", "seed", "steps", "message"),
    [
        (line(), 1, 20, r"state.pt differs \(seed was 0, is 1\)"),
        (line(), 0, 10, "is at step 20, asked for 10 steps; ask for 20 or more, remove .* to train again"),
        (line(seed=3), 0, 30, "on other data or with other settings"),
        (line(seed=3), 0, 20, "on other data or with other settings"),
        (line(inputs=2), 0, 20, "does not fit this model"),
        (nn.Sequential(nn.Linear(1, 1)), 0, 20, "does not fit this model"),
        (nn.Bilinear(1, 1, 1), 0, 20, "does not fit this model"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    tmp_path: Path, model: nn.Module, seed: int, steps: int, message: str
) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(DataError, match=message) as caught:
        fit(model, squared_error, replace(SHORT, steps=steps), seed=seed, folder=tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "state.pt").read_bytes() == before


@pytest.mark.parametrize(
    "changed",
    [
        None, [], {"state": []}, {"state": {7: {}}}, {"state": {"0": {}}}, {"state": {0: []}}, {"state": {0: {}}},
        {"param_groups": []}, {"param_groups": [{"params": [0]}]}, *({"state": {0: one}} for one in (
            {"step": torch.zeros(2)}, {"step": 3}, {"step": torch.tensor(-3.0)}, {"exp_avg": "x"}, {"exp_avg": None},
            {"exp_avg": torch.zeros(3)}, {"exp_avg": torch.zeros(1, 1, dtype=torch.int64)},
            {"exp_avg_sq": torch.tensor([[-1.0]])}, {"max_exp_avg_sq": torch.zeros(1, 1)},
        )),
    ],
    ids=str,
)  # fmt: skip
def test_an_optimizer_of_another_form_is_refused_before_a_step(tmp_path: Path, changed: Any) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    stored = load_checkpoint(tmp_path / "state.pt")
    optimizer, kept = stored["optimizer"], stored["optimizer"]["state"][0]
    if isinstance(changed, dict):
        inner = changed.get("state", {})
        whole = isinstance(inner, dict) and isinstance(inner.get(0), dict) and inner[0]
        changed = optimizer | ({"state": {0: kept | inner[0]}} if whole else changed)
    save_checkpoint(tmp_path / "state.pt", stored | {"step": 6, "optimizer": changed})
    with pytest.raises(DataError, match=r"state\.pt does not fit this model") as caught:
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_settings_of_an_optimizer_are_not_taken_from_a_state(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, progress=kill_at(14))
    stored = load_checkpoint(tmp_path / "state.pt")
    stored["optimizer"]["param_groups"][0] |= {"weight_decay": 9.0, "betas": (0.1, 0.1), "maximize": True, "eps": 5.0}
    save_checkpoint(tmp_path / "state.pt", stored)
    resumed = fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)
    assert same(weights(resumed), weights(fit(line(), squared_error, SHORT, seed=0)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_its_name_and_step(tmp_path: Path, bad: float) -> None:
    calls = list[int]()

    def loss(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
        calls.append(1)
        good = squared_error(model, generator)
        margin = torch.tensor(bad if len(calls) == 7 else 0.0)
        return Loss(good.total + margin, {"loss": good.total.detach(), "margin": margin})

    model = line()
    with pytest.raises(TrainingError, match=f"margin became {bad} at step 7") as caught:
        fit(model, loss, FitConfig(steps=20, save_every=1, log_every=1), seed=0, folder=tmp_path)
    assert "\n" not in str(caught.value)
    assert len(calls) == 7
    state = load_checkpoint(tmp_path / "state.pt")
    assert state["step"] == 6
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]
    # The step that went wrong was not taken.
    assert same(weights(model), list(state["module"].values()))


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    def loss(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
        total = (model.weight - model.weight.detach()).sum().sqrt()  # value 0, slope infinite
        return Loss(total, {"loss": total.detach()})

    with pytest.raises(TrainingError, match="gradient norm became inf at step 1"):
        fit(line(), loss, FitConfig(steps=3), seed=0)


def test_a_batch_of_ties_has_no_accuracy_and_goes_on(tmp_path: Path) -> None:
    def loss(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
        good = squared_error(model, generator)
        return Loss(good.total, {**good.terms, "accuracy": torch.tensor(math.nan)})

    fit(line(), loss, FitConfig(steps=2, log_every=1), seed=0, folder=tmp_path)
    assert all(math.isnan(row["accuracy"]) for row in metrics(tmp_path))


def test_frozen_parameters_stay() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    model[0].requires_grad_(False)
    before = weights(model)
    fit(model, squared_error, FitConfig(steps=10, learning_rate=0.1, weight_decay=1.0), seed=0)
    assert same(weights(model)[:2], before[:2])
    assert not same(weights(model)[2:], before[2:])


def test_learning_rate_warms_up_and_decays_by_hand() -> None:
    config = FitConfig(steps=10, warmup=0.2)
    # Two steps of warm-up, 1/2 and 2/2; then (1 + cos(pi k / 8)) / 2 for k = 0..7.
    assert [config.rate(step) for step in (0, 1, 2, 6)] == pytest.approx([0.5, 1, 1, 0.5])
    assert config.rate(9) == pytest.approx(0.5 * (1 + math.cos(7 / 8 * math.pi)))
    assert config.rate(9) == pytest.approx(0.038060, abs=1e-6)


def test_learning_rate_without_warm_up_by_hand() -> None:
    # At least one step of it: 1, then (1 + cos(pi k / 3)) / 2.
    assert [FitConfig(steps=4, warmup=0).rate(step) for step in range(4)] == pytest.approx([1, 1, 0.75, 0.25])
    assert FitConfig(steps=1).rate(0) == 1


def test_a_constant_rate_warms_up_in_steps_by_hand() -> None:
    for steps in (10, 1000):
        config = FitConfig(steps=steps, schedule="constant", warmup_steps=4, warmup=0.5)
        assert [config.rate(step) for step in (0, 1, 3, 4, 9)] == [0.25, 0.5, 1, 1, 1]


def test_a_second_phase_warms_up_and_decays_over_the_steps_that_were_added_by_hand() -> None:
    # Steps 10 to 19, of which two are warm-up: as those of a run of ten steps.
    longer, alone = FitConfig(steps=20, warmup=0.2), FitConfig(steps=10, warmup=0.2)
    assert [longer.rate(step, 10) for step in range(10, 20)] == [alone.rate(step) for step in range(10)]


CONSTANT = replace(SHORT, schedule="constant", warmup_steps=8)


class Watching:
    """Remembers when it looked; ends with the averaged weights of the look at which they were largest."""

    def __init__(self, every: int, stop: int | None = None) -> None:
        self.every, self.stop = every, stop
        self.seen = dict[int, float]()
        self.best = dict[str, Any]()

    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        value = averaged.weight.item()
        if value >= max(self.seen.values(), default=-math.inf):
            self.best = {name: held.clone() for name, held in averaged.state_dict().items()}
        self.seen[step] = value
        return step == self.stop

    def notes(self) -> dict[str, float]:
        return {"seen": list(self.seen.values())[-1]}

    def weights(self) -> dict[str, Any]:
        return self.best

    def state(self) -> dict[str, Any]:
        return {"seen": dict(self.seen), "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        self.seen, self.best = dict(state["seen"]), dict(state["best"])


@pytest.mark.parametrize("ema", [0.0, 0.98])
def test_a_constant_run_that_is_made_longer_ends_as_one_that_was_never_stopped(tmp_path: Path, ema: float) -> None:
    config = replace(CONSTANT, ema=ema, steps=34)
    for watched in (False, True):
        folder, watches = tmp_path / str(watched), [Watching(7) if watched else None for _ in range(4)]
        whole = fit(line(), squared_error, config, seed=3, folder=folder / "whole", watch=watches[0])
        # Warm-up is left at step 8; the end of the first is a step at which nothing else is due.
        for steps, watch in zip((5, 20, 34), watches[1:], strict=True):
            part = replace(config, steps=steps)
            longer = fit(line(), squared_error, part, seed=3, folder=folder / "parts", watch=watch)
        assert same(weights(longer), weights(whole))
        one, other = (load_checkpoint(folder / name / "state.pt") for name in ("whole", "parts"))
        assert same(list(one["average"].values()), list(other["average"].values()))
        if watched:
            assert list(watches[3].seen) == [7, 14, 21, 28, 34]
            assert watches[3].seen == watches[0].seen
        record = json.loads((folder / "parts" / "training.json").read_text())
        assert record == {"steps": 34, "phases": {"phase 1": "constant, steps 1 to 34"}}


def test_more_steps_of_a_cosine_are_a_second_phase_and_the_record_says_so(tmp_path: Path) -> None:
    first = fit(line(), squared_error, SHORT, seed=3, folder=tmp_path / "run")
    end = load_checkpoint(tmp_path / "run" / "state.pt")
    longer = replace(SHORT, steps=32)
    rates = list[float]()
    with pytest.raises(KilledError):
        fit(line(), squared_error, longer, seed=3, folder=tmp_path / "run", progress=kill_at(26))
    # From the module, the optimiser's state and the average of the end.
    ours = initialised(lambda: nn.Linear(1, 1), 0)
    ours.load_state_dict(end["module"])
    optimizer = torch.optim.AdamW(ours.parameters(), lr=1, weight_decay=SHORT.weight_decay, fused=True)
    optimizer.load_state_dict(end["optimizer"])
    for step in range(20, 24):
        rates.append(longer.learning_rate * longer.rate(step, 20))
        optimizer.param_groups[0]["lr"] = rates[-1]
        optimizer.zero_grad()
        squared_error(ours, torch.Generator().manual_seed(3 * 1_000_003 + step)).total.backward()
        nn.utils.clip_grad_norm_(ours.parameters(), 1.0)
        optimizer.step()
    assert rates[0] == SHORT.learning_rate  # one step of warm-up, then down
    kept = load_checkpoint(tmp_path / "run" / "state.pt")
    assert kept["step"] == 24
    assert same(weights(ours), list(kept["module"].values()))
    done = fit(line(), squared_error, longer, seed=3, folder=tmp_path / "run")
    assert not same(weights(done), weights(first))
    assert json.loads((tmp_path / "run" / "training.json").read_text()) == {
        "steps": 32, "phases": {"phase 1": "cosine, steps 1 to 20", "phase 2": "cosine, steps 21 to 32"},
    }  # fmt: skip
    assert [(row["step"], row.get("phase")) for row in metrics(tmp_path / "run")][5:] == [
        (18, None), (20, None), (21, 2), (24, 2), (27, 2), (30, 2), (32, 2),
    ]  # fmt: skip
    heard = list[int]()
    again = fit(line(), squared_error, longer, seed=3, folder=tmp_path / "run", progress=lambda s, _: heard.append(s))
    assert heard == []
    assert same(weights(again), weights(done))


def test_a_cosine_that_has_not_ended_is_ended_first(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, progress=kill_at(13))
    for steps in (30, 15):
        with pytest.raises(MismatchError) as caught:
            fit(line(), squared_error, replace(SHORT, steps=steps), seed=0, folder=tmp_path)
        assert f"is at step 12 of 20 (steps was 20, is {steps}); a cosine has to end" in str(caught.value)
        assert "go on with steps=20" in str(caught.value)
        assert "\n" not in str(caught.value)
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path)


def test_what_was_held_out_has_stopped_a_cosine_for_good(tmp_path: Path) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path, watch=Watching(4, stop=8))
    with pytest.raises(MismatchError, match=r"was stopped at step 8 by what was held out \(steps was 20, is 30\)"):
        fit(line(), squared_error, replace(SHORT, steps=30), seed=0, folder=tmp_path, watch=Watching(4, stop=8))


def test_another_schedule_is_another_run(tmp_path: Path) -> None:
    fit(line(), squared_error, SHORT, seed=0, folder=tmp_path / "cosine")
    fit(line(), squared_error, CONSTANT, seed=0, folder=tmp_path / "constant")
    with pytest.raises(DataError, match=r"\(schedule was cosine, is constant\)"):
        fit(line(), squared_error, CONSTANT, seed=0, folder=tmp_path / "cosine")
    with pytest.raises(DataError, match=r"\(schedule was constant, is cosine\)"):
        fit(line(), squared_error, SHORT, seed=0, folder=tmp_path / "constant")
    with pytest.raises(DataError, match=r"\(warmup_steps was 8, is 9\)"):
        fit(line(), squared_error, replace(CONSTANT, warmup_steps=9), seed=0, folder=tmp_path / "constant")
    # What a schedule does not look at makes no other run.
    fit(line(), squared_error, replace(CONSTANT, warmup=0.5), seed=0, folder=tmp_path / "constant")
    fit(line(), squared_error, replace(SHORT, warmup_steps=9), seed=0, folder=tmp_path / "cosine")


def test_what_a_look_finds_is_recorded_at_once_and_told_from_then_on(tmp_path: Path) -> None:
    heard = list[bool]()
    fit(
        line(), squared_error, SHORT, seed=0, folder=tmp_path, watch=Watching(7),
        progress=lambda _, metrics: heard.append("seen" in metrics),
    )  # fmt: skip
    assert [row["step"] for row in metrics(tmp_path)] == [3, 6, 7, 9, 12, 14, 15, 18, 20]
    assert [row["step"] for row in metrics(tmp_path) if "seen" in row] == [7, 14, 20]
    assert all(math.isfinite(row["loss"]) for row in metrics(tmp_path))
    assert heard == [step >= 7 for step in range(1, 21)]


class Slope(nn.Module):
    """One weight, whose loss falls by 1 a unit."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))


def falling(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
    return Loss(model.weight * 1.0, {"loss": model.weight.detach()})


@pytest.mark.parametrize(
    ("ema", "expected"),
    [
        # Adam moves by the learning rate, times 1, 1 and 0.5 of the schedule: -0.1, -0.2, -0.25.
        (0.0, -0.25),
        # Decays min(ema, (1 + k) / (10 + k)): the first average is the first weight, -0.1;
        # then 2/11 * -0.1 + 9/11 * -0.2 = -0.181818; then 3/12 * -0.181818 + 9/12 * -0.25 = -0.232955.
        (0.999, -0.232955),
        # Both decays capped: 0.1 * -0.1 + 0.9 * -0.2 = -0.19; 0.1 * -0.19 + 0.9 * -0.25 = -0.244.
        (0.1, -0.244),
    ],
)
def test_the_moving_average_by_hand(ema: float, expected: float) -> None:
    config = FitConfig(steps=3, learning_rate=0.1, weight_decay=0, warmup=0, ema=ema)
    assert fit(Slope(), falling, config, seed=0).weight.item() == pytest.approx(expected, abs=1e-5)


def test_gradients_are_clipped() -> None:
    norms = list[float]()

    def steep(model: nn.Module, generator: torch.Generator, _: float = 0.0) -> Loss:
        if model.weight.grad is not None:
            norms.append(model.weight.grad.item())
        return Loss(model.weight * 100.0, {})

    fit(Slope(), steep, FitConfig(steps=3, clip_norm=0.5), seed=0)
    assert norms == pytest.approx([0.5, 0.5], rel=1e-4)


def test_bfloat16_trains_float32_weights() -> None:
    config = FitConfig(steps=150, learning_rate=0.1, weight_decay=0, precision="bfloat16", ema=0.9)
    model = fit(line(), squared_error, config, seed=0)
    assert model.weight.dtype == torch.float32
    assert model.weight.item() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "at least 1"),
        ({"steps": 1, "log_every": 0}, "at least 1"),
        ({"steps": 1, "save_every": 0}, "at least 1"),
        ({"steps": 1, "precision": "float16"}, "got 'float16'"),
        ({"steps": 1, "schedule": "linear"}, "cosine or constant, got 'linear'"),
        ({"steps": 1, "warmup_steps": 0}, "warmup_steps must be at least 1"),
        ({"steps": 1, "ema": 1.0}, r"in \[0, 1\)"),
        ({"steps": 1, "ema": -0.1}, r"in \[0, 1\)"),
        ({"steps": 1, "learning_rate": 0.0}, "learning_rate must be positive, got 0"),
        ({"steps": 1, "learning_rate": math.nan}, "learning_rate must be positive, got nan"),
        ({"steps": 1, "clip_norm": -1.0}, "clip_norm must be positive"),
        ({"steps": 1, "warmup": 1.5}, r"in \[0, 1\], got 1.5"),
        ({"steps": 1, "weight_decay": -1e-3}, "must not be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FitConfig(**settings)


def test_links_beside_a_state_of_others_are_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("untouched")
    run = tmp_path / "run"
    fit(line(), squared_error, replace(SHORT, steps=10), seed=0, folder=run)
    (run / "metrics.tmp").symlink_to(tmp_path / "mine")
    fit(line(), squared_error, replace(SHORT, steps=10), seed=0, folder=run)
    (run / "metrics.jsonl").unlink()
    (run / "metrics.jsonl").symlink_to(tmp_path / "new")
    (run / "state.pt").unlink()
    fit(line(), squared_error, replace(SHORT, steps=10), seed=0, folder=run)
    assert (tmp_path / "mine").read_text() == "untouched"
    assert not (tmp_path / "new").exists()
