"""A policy of one's own, short and without diffusion: trained, asked, ranked by a reward, evaluated and deployed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robopref.__main__ import main
from robopref.learning.checkpoint import load_checkpoint
from robopref.records import ActionGeometry, Observation
from robopref.scores import Loss
from tests.cli.tiny import TINY, fails


class Gaussian(nn.Module):
    """Around a linear function of proprioception."""

    def __init__(self, geometry: ActionGeometry, proprio: int, **_: Any) -> None:
        super().__init__()
        self.geometry, self.shape = geometry, (1, geometry.matrix.shape[2])
        self.register_buffer("proprio_mean", torch.zeros(proprio))
        self.register_buffer("proprio_std", torch.ones(proprio))
        self.mean = nn.Linear(proprio, self.shape[1])

    def normalize(self, proprio: Tensor) -> None:
        self.proprio_mean.copy_(proprio.mean(0))

    def loss(self, observation: Observation, chunks: Tensor, generator: torch.Generator) -> Loss:
        error = (self.mean(observation.proprio - self.proprio_mean)[:, None] - chunks).square().mean()
        return Loss(error, {"loss": error.detach()})

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        mean = self.mean(observation.proprio - self.proprio_mean)[:, None, None]
        noise = torch.randn(len(mean), n, *self.shape, generator=generator, device=mean.device)
        return (mean + 0.3 * noise).clamp(-1, 1)


class Trained(Gaussian):
    """One that comes with its weights, as from another library."""

    loss = property()  # type: ignore[assignment]  # there is none


class Shapeless(Gaussian):
    def __init__(self, geometry: ActionGeometry, proprio: int, **_: Any) -> None:
        super().__init__(geometry, proprio)
        del self.shape, self.proprio_std


class Plain:
    """No torch module."""

    geometry = shape = proprio_mean = proprio_std = sample = None

    def __init__(self, geometry: ActionGeometry, proprio: int, **_: Any) -> None: ...


class Strange(nn.Module):
    """Made of something else."""

    def __init__(self, *, network: str, **_: Any) -> None:
        super().__init__()


class Early(nn.Module):
    """Made without being told anything."""

    def __init__(self, **_: Any) -> None:
        super().__init__()


def words(folder: Path, policy: str = "Gaussian") -> list[str]:
    return [f"run={folder}", f"policy._target_={__name__}.{policy}", *QUICK]


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")


QUICK = [word for word in TINY if not word.startswith("rewards.implicit.")]
EXPLICIT = ["rewards.implicit=null", "use=explicit"]
DEPLOY = ["deploy.view=none", "deploy.commands=2", "safety.age=30", "safety.hold_after=10", "safety.stop_after=30"]


@pytest.fixture
def demonstrated(finished: Path, tmp_path: Path) -> Path:
    """A run that has demonstrations and nothing else."""
    shutil.copytree(finished / "demos.zarr", tmp_path / "own" / "demos.zarr")
    return tmp_path / "own"


@pytest.fixture
def labelled(finished: Path, demonstrated: Path) -> Path:
    """A run that has demonstrations and judged candidates."""
    shutil.copytree(finished / "candidates.zarr", demonstrated / "candidates.zarr")
    shutil.copy(finished / "labels.sqlite", demonstrated)
    return demonstrated


@pytest.mark.slow
def test_a_gaussian_policy_is_trained_ranked_and_evaluated(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = words(labelled)
    assert main(["train", "policy", *own]) == 0
    stored = load_checkpoint(labelled / "policy" / "weights.pt")["module"]
    assert stored["proprio_mean"].abs().sum() > 0  # type: ignore[union-attr]
    told = fails(capsys, "train", "reward", *own)
    assert "rewards.implicit: an implicit reward needs a diffusion policy, such as policy=diffusion" in told
    assert "this one lacks" in told
    assert "the policy can carry explicit; leave out others with rewards.implicit=null" in told
    assert not (labelled / "rewards").exists()
    for command in (["train", "reward"], ["evaluate"]):
        assert main([*command, *own, *EXPLICIT]) == 0, command
    assert (labelled / "evaluation" / "selected.mp4").exists()
    assert "graphs are exported of a diffusion policy, and this policy is none" in fails(
        capsys, "export", *own, *EXPLICIT
    )


@pytest.mark.slow
def test_a_gaussian_without_a_loss_is_asked_ranked_and_deployed_as_it_is_built(
    demonstrated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = words(demonstrated, "Trained")
    assert "Trained lacks loss, needed for train policy" in fails(capsys, "train", "policy", *own)
    assert main(["label", *own, "label.states=2"]) == 0
    assert main(["train", *own, *EXPLICIT]) == 0
    assert main(["deploy", *own, *EXPLICIT, *DEPLOY]) == 0
    assert "2 commands" in capsys.readouterr().out
    assert not (demonstrated / "policy").exists()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("Shapeless", "policy: Shapeless lacks shape, proprio_std, needed for every command that uses a policy"),
        ("Plain", "policy: Plain is no torch module"),
        (
            "Strange",
            "policy is made of a spec, or of a geometry and the size of proprioception, and of its settings: too many",
        ),
    ],
)
def test_what_is_no_policy_is_one_line(
    demonstrated: Path, capsys: pytest.CaptureFixture[str], policy: str, said: str
) -> None:
    for command in (["train", "policy"], ["label"], ["train"]):
        assert said in fails(capsys, *command, *words(demonstrated, policy))
    assert not (demonstrated / "policy").exists()


def test_a_policy_that_is_built_too_early_is_one_line(demonstrated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = words(demonstrated, "Early")
    told = fails(capsys, "train", "policy", *own, "policy._partial_=false")
    assert "policy makes Early before geometry and proprioception are known; give policy._partial_=true" in told


def test_a_policy_without_energy_is_told_which_rewards_it_carries(
    demonstrated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fails(capsys, "train", f"run={demonstrated}", "policy=noise", *TINY)
    assert (
        "rewards.implicit: rewards of energies need a policy whose denoiser has an energy, as policy=diffusion" in told
    )
    assert "the policy can carry explicit" in told
    assert not (demonstrated / "policy").exists()
