"""Policies and rewards as graphs: the same numbers, without the classes that made them."""

import json
import shutil
import typing
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.nets.parts_encoder import PartsEncoder
from robopref.policies import exported as module
from robopref.policies.draws import StratifiedDraw
from robopref.policies.exported import ExportedPolicy, ExportedScorer, export
from robopref.policies.observed import ObservedPolicy
from robopref.policy_shapes import PolicySpec
from robopref.records import Observation
from robopref.rewards.ensemble import EnsembleReward
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import Scores
from tests.geometry import PROPRIO, initialised, pick_and_place, ropes, tiny_policy

# As in what is shipped, a cloud has more points than the policy looks at, these are more than its nodes, and these so
# many (over 25) that torch computes their distances by a product of matrices.
SIZES = {"points": 28, "nodes": 26}


def one(seed: int) -> Observation:
    return ropes(1, points=40, seed=seed)


def larger_reward() -> ExplicitReward:
    sizes = SIZES | {"nodes": 6}  # paths between nodes are most of a graph, and those of the policy are checked
    return initialised(lambda: ExplicitReward.of_geometry(pick_and_place(), PROPRIO, hidden=16, width=8, **sizes), 0)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> Iterator[None]:
    """Reading a graph takes seconds, and `export` has read each already, to compare it with its original.

    A fifth of that is looking up the annotations of a few classes, once for each of thousands of nodes.
    """
    load, held = module._load, dict[Path, Any]()

    def load_once(folder: Path, name: str, manifest: dict[str, Any]) -> Any:
        if folder / name not in held:
            held[folder / name] = load(folder, name, manifest)
        return held[folder / name]

    hints, known = typing.get_type_hints, cache(typing.get_type_hints)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            typing, "get_type_hints", lambda of, *how, **more: (hints if how or more else known)(of, *how, **more)
        )
        patch.setattr(module, "_load", load_once)
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A policy that differentiates an energy, with a score of noise draws and a network together."""
    policy = tiny_policy(**SIZES, temperature=0.5).eval()
    # It encodes as the policy does, of which it holds two: few nodes are enough.
    implicit = ImplicitReward(tiny_policy(NoiseDenoiser, nodes=6), StratifiedDraw(4), cost="error")
    torch.manual_seed(0)
    torch.nn.init.normal_(implicit.policy.denoiser.trunk.leave.weight)
    scorer = EnsembleReward([implicit, larger_reward()]).eval()
    folder = tmp_path_factory.mktemp("export")
    found = export(policy, scorer, folder, [one(0), one(1)], candidates=5, generator=generator())
    return policy, scorer, folder, found


@pytest.fixture(scope="module")
def loaded(exported: Any) -> ExportedPolicy:
    return ExportedPolicy(exported[2])


@pytest.mark.slow
def test_policy_and_score_are_those_of_the_originals(exported: Any, loaded: ExportedPolicy) -> None:
    policy, scorer, folder, found = exported
    assert set(found) == {"policy", "scorer"}
    assert max(found.values()) < 1e-4
    few = loaded.sample(one(2), 3, generator=generator())
    assert few.abs().min() < 0.95  # not only the ends of the range
    torch.testing.assert_close(few, policy.sample(one(2), 3, generator=generator()), atol=1e-4, rtol=1e-4)
    value, original = ExportedScorer(folder).score(one(2), few).value, scorer.score(one(2), few).value.detach()
    # Only differences within a state mean anything: an ensemble centres its scores over all places of the graph.
    torch.testing.assert_close(value - value.mean(), original - original.mean(), atol=1e-4, rtol=1e-4)
    assert value.std() > 1e-3
    # The original still draws by itself.
    assert isinstance(scorer.members[0].draws, StratifiedDraw)


@pytest.mark.slow
def test_more_candidates_than_it_was_made_for_are_refused(loaded: ExportedPolicy) -> None:
    with pytest.raises(ConfigError, match="at most 5 candidates, got 6"):
        loaded.sample(one(2), 6, generator=generator())


@pytest.mark.slow
def test_a_folder_that_lacks_something_is_named(exported: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no export"):
        ExportedPolicy(tmp_path / "elsewhere")
    folder = shutil.copytree(exported[2], tmp_path / "copy")
    (folder / "scorer.pt2").unlink()
    with pytest.raises(DataError, match=r"scorer.pt2 is not a readable export"):
        ExportedScorer(folder)
    (folder / "encoder.pt2").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"encoder.pt2 is not a readable export"):
        ExportedPolicy(folder)


@pytest.mark.parametrize(
    "key", ["candidates", "shape", "levels", "format", "observes", "judged", "scale", "temperature"]
)
def test_a_manifest_of_another_form_is_one_line(tmp_path: Path, key: str) -> None:
    whole = {"format": "torch", "candidates": 3, "shape": [1, 4], "levels": [[5, 0.5, 1.0]], "scale": None}
    # No names at all and no scale are forms of an export.
    fits = {"observes": ([],), "judged": ([],), "scale": (None,)}.get(key, ())
    tried = (None, "x", -1, [], [[]], {}, 10**30, [10**30, 1], [2], [1, 2, 3], [1.5, 2], [True, 2], [[0], [1]])
    for value in (value for value in tried if value not in fits):
        (tmp_path / "manifest.json").write_text(json.dumps({**whole, key: value}))
        with pytest.raises(DataError, match=r"manifest\.json is damaged") as caught:
            ExportedPolicy(tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_policy_of_other_parts_is_exported_with_what_it_sees_and_its_scale(tmp_path: Path) -> None:
    shapes, leading, history = {"wrist": (8, 8, 3), "points": (9, 4), "state": (3,)}, (1, 2), 2
    encoder = partial(PartsEncoder, width=4, points=5, layers=(4,), channels=(2,), side=8, background=0.5)
    denoiser = partial(NoiseDenoiser, hidden=8, depth=0)
    policy = initialised(
        lambda: ObservedPolicy(
            PolicySpec(shapes, 2), history=history, horizon=2, sample_steps=2, encoder=encoder, denoiser=denoiser
        ),
        0,
    ).eval()

    def seen(seed: int) -> Observation:
        drawn = torch.Generator().manual_seed(seed)
        wrist = torch.randint(0, 256, (*leading, 8, 8, 3), generator=drawn, dtype=torch.uint8)
        points, state = (torch.randn(*leading, *shapes[name], generator=drawn) for name in ("points", "state"))
        points[..., :4, :3] = 0.5  # stands still
        return Observation.of({"wrist": wrist, "points": points, "state": state})

    policy.scale.fit(torch.tensor([[-3.0, 10.0], [5.0, 30.0]]))
    policy.encoder.part("points").fit(torch.cat([seen(seed).part("points")[0] for seed in range(9)]))
    scorer = initialised(lambda: ExplicitReward.for_policy(policy, hidden=8), 0).eval()
    found = export(policy, scorer, tmp_path, [seen(0), seen(1)], candidates=3, generator=generator())
    assert max(found.values()) < 1e-4
    exported, judge = ExportedPolicy(tmp_path), ExportedScorer(tmp_path)
    assert exported.observes == judge.observes == ("wrist", "points", "state")
    few = exported.sample(seen(2), 2, generator=generator())
    assert few[..., 1].min() >= 10
    torch.testing.assert_close(few, policy.sample(seen(2), 2, generator=generator()), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(judge.score(seen(2), few).value, scorer.score(seen(2), few).value, atol=1e-4, rtol=1e-4)
    with pytest.raises(DataError, match="the observation has no wrist"):
        exported.sample(one(0), 2, generator=generator())


class Nearness(nn.Module):
    """A scorer of few operators: each takes long to convert, and those of rewards are those of a policy.

    But for one: distances between few points are an operator that a cloud of the size above does without.
    """

    def score(self, observation: Observation, actions: Tensor, *, draw: object = None) -> Scores:
        return Scores(-torch.cdist(actions[:, :, 0], observation.proprio[:, None])[..., 0])


@pytest.mark.slow
def test_onnx_gives_the_same_numbers(tmp_path: Path) -> None:
    policy, scorer = tiny_policy(NoiseDenoiser, **SIZES).eval(), Nearness()
    torch.manual_seed(0)
    torch.nn.init.normal_(policy.denoiser.trunk.leave.weight)
    found = export(policy, scorer, tmp_path, [one(0)], candidates=3, generator=generator(), form="onnx")
    assert max(found.values()) < 1e-4
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"encoder.onnx", "denoiser.onnx", "scorer.onnx"}
    few = ExportedPolicy(tmp_path).sample(one(2), 2, generator=generator())
    torch.testing.assert_close(few, policy.sample(one(2), 2, generator=generator()), atol=1e-4, rtol=1e-4)
    value, original = ExportedScorer(tmp_path).score(one(2), few).value, scorer.score(one(2), few).value
    torch.testing.assert_close(value, original, atol=1e-4, rtol=1e-4)


def test_a_format_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean onnx"):
        export(tiny_policy(), None, tmp_path, [one(0)], candidates=3, generator=generator(), form="onx")  # type: ignore[arg-type]
