"""Mixtures of clouds, pictures and vectors."""

from typing import Any

import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.nets.parts_encoder import PartsEncoder
from robopref.records import Observation

SHAPES = {"points": (12, 6), "image": (16, 16, 3), "observation.wrist": (8, 12, 3), "proprio": (4,), "state": (3,)}
SMALL: dict[str, Any] = {"width": 5, "points": 6, "layers": (8,), "channels": (4,), "side": 8}


def encoder(shapes: dict[str, tuple[int, ...]] = SHAPES, **settings: Any) -> PartsEncoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PartsEncoder(shapes, **SMALL | settings)


def seen(*leading: int, names: tuple[str, ...] = tuple(SHAPES), seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randint(0, 256, (*leading, *shape), generator=generator, dtype=torch.uint8)
        if len(shape) == 3
        else torch.randn(*leading, *shape, generator=generator)
        for name, shape in SHAPES.items()
        if name in names
    }


def test_parts_are_put_end_to_end_and_each_counts() -> None:
    network, parts = encoder(), seen(2)
    base = network(Observation.of(parts)).vector
    assert base.shape == (2, network.size)
    assert network.size == 5 * len(SHAPES)
    for index, name in enumerate(SHAPES):
        changed = network(Observation.of({**parts, name: seen(2, seed=1)[name]})).vector
        where = (changed - base).abs().amax(0) > 1e-4
        assert where.nonzero().flatten().tolist() == list(range(5 * index, 5 * index + 5)), name


def test_a_history_is_encoded_one_by_one_by_the_same_network() -> None:
    network, parts = encoder(history=3), seen(2, 3)
    got = network(Observation.of(parts)).vector.view(2, len(SHAPES), 3, 5)
    single = encoder()
    for time in range(3):
        alone = single(Observation.of({name: part[:, time] for name, part in parts.items()})).vector
        torch.testing.assert_close(got[:, :, time], alone.view(2, len(SHAPES), 5))


def test_a_policy_of_positions_does_not_look_at_colours() -> None:
    network, parts = encoder({"points": (12, 3)}), seen(2)
    alone = network(Observation.of({"points": parts["points"][..., :3]})).vector
    torch.testing.assert_close(network(Observation.of({"points": parts["points"]})).vector, alone)
    assert network.takes("points", (40, 6))
    assert not encoder().takes("points", (40, 3))


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 1)])
def test_pictures_of_one_colour_are_no_clouds(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"image_wrist has the shape .* leave it out of policy.observation"):
        encoder({"image_wrist": shape, "state": (3,)})


@pytest.mark.parametrize("leading", [(2,), (2, 3)])
def test_training_varies_clouds_and_pictures_alone(leading: tuple[int, ...]) -> None:
    network, parts = encoder(history=len(leading) * 2 - 1), seen(*leading)
    varied = network.varied(Observation.of(parts), torch.Generator().manual_seed(0)).parts
    assert {name: tuple(part.shape) for name, part in varied.items()} == {
        **{name: tuple(part.shape) for name, part in parts.items()}, "points": (*leading, 6, 6),
    }  # fmt: skip
    assert {name for name in SHAPES if name != "points" and not torch.equal(varied[name], parts[name])} == {
        "image", "observation.wrist",
    }  # fmt: skip


def test_statistics_of_every_part_are_taken() -> None:
    network = encoder()
    network.fit(seen(30))
    fitted = {name: tensor for name, tensor in network.named_buffers() if name.endswith(("mean", "middle"))}
    assert len(fitted) == len(SHAPES)
    assert all(tensor.abs().sum() > 0 for tensor in fitted.values())
    assert torch.equal(network.proprio_mean, network.part("proprio").mean)
    assert encoder({"state": (3,)}).proprio_std.shape == (0,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": None}, "no recorded state, which the policy is to see; there are points,"),
        ({"proprio": torch.tensor([[0.0, 1, torch.inf, 2]])}, "recorded proprio is not finite everywhere"),
    ],
)
def test_records_that_cannot_be_are_refused(change: dict[str, Any], said: str) -> None:
    samples = {name: part for name, part in (seen(4) | change).items() if part is not None}
    with pytest.raises(DataError, match=said):
        encoder().fit(samples)


@pytest.mark.parametrize(
    ("history", "change", "said"),
    [
        (1, {"state": torch.zeros(2, 4)}, r"state must be \(B, 3\), as the policy was made for, got \(2, 4\)"),
        (2, {"state": torch.zeros(2, 3)}, r"state must be \(B, 2, 3\), as the policy was made for, got \(2, 3\)"),
        (
            1,
            {"points": torch.zeros(2, 9, 3)},
            r"points must be \(B, P, 6\), .* got \(2, 9, 3\); train it with read.colours=false",
        ),
        (1, {"image": torch.zeros(2, 9, 9, 1)}, r"image must be \(B, h, w, 3\), .* got \(2, 9, 9, 1\)"),
        (1, {"proprio": None}, "the observation has no proprio; it has points"),
    ],
)
def test_observations_that_do_not_fit_are_one_line(history: int, change: dict[str, Any], said: str) -> None:
    parts = seen(2, 2) if history > 1 else seen(2)
    with pytest.raises(DataError, match=said) as caught:
        encoder(history=history)(Observation.of({**parts, **change}))
    assert "\n" not in str(caught.value)


def test_clouds_may_have_other_numbers_of_points_and_pictures_other_sizes() -> None:
    parts = {**seen(2), "points": torch.zeros(2, 40, 6), "image": torch.zeros(2, 30, 20, 3, dtype=torch.uint8)}
    assert encoder()(Observation.of(parts)).batch == 2


@pytest.mark.parametrize(
    ("shapes", "settings", "said"),
    [
        ({}, {}, "a policy has to see something"),
        ({"depth": (8, 8, 1)}, {}, "depth has the shape .8, 8, 1.; a policy sees vectors"),
        ({"empty": (0,)}, {}, "leave it out of policy.observation"),
        (SHAPES, {"layers": ()}, "one layer or more"),
        (SHAPES, {"width": 0}, "width=0"),
        (SHAPES, {"shift": -1}, "shift=-1"),
        (SHAPES, {"background": 1.0}, "background is a share of the recorded clouds between 0 and 1, or null, got 1.0"),
    ],
)
def test_what_cannot_be_encoded_is_refused(shapes: dict[str, Any], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        encoder(shapes, **settings)
