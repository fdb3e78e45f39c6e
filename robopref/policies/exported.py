"""Policies and scorers as graphs that need nothing but torch: traced, checked against the originals, and run.

A folder holds encoder, denoiser and scorer, either as ``.pt2`` files of `torch.export` or as ``.onnx`` files, and
``manifest.json`` with sizes, noise levels and what the check found. Files from elsewhere run nothing when they are
loaded, but what they compute is theirs.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from robopref.decisions import as_reward, as_scorer, rewards_within
from robopref.errors import ActionError, ConfigError, DataError, DependencyError, unknown_name
from robopref.files import read_json, replacing, write_json
from robopref.items import ACTION
from robopref.nets.action_scale import ActionScale
from robopref.policies import graph_archive, onnx
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.protocols import ChunkPolicy, DrawnReward, lacking
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores

_SUFFIXES = {"torch": ".pt2", "onnx": ".onnx"}
_MANIFEST = "manifest.json"
# What exports of a time before other parts were seen say nothing of.
_OBSERVED = ("points", "proprio")
_LARGEST = 1 << 24  # no number of candidates, steps or points of a small computer
# Largest difference to the original, in units of its largest value. Rounding grows to some 1e-4 over ten steps of
# denoising, and in an implicit reward, the difference of two nearly equal energies; a graph that is wrong is far off.
TOLERANCE = 1e-3


def export(
    policy: ChunkPolicy,
    scorer: nn.Module | None,
    folder: Path,
    observations: Sequence[Observation],
    *,
    candidates: int,
    generator: torch.Generator,
    form: Literal["torch", "onnx"] = "torch",
) -> dict[str, float]:
    """Write a policy and a scorer as graphs, and check that they give the same numbers.

    Args:
        policy: A diffusion policy, in eval mode.
        scorer: Ranks its candidates; None leaves it out.
        folder: Where to.
        observations: Batches of one, all of one shape, such as the policy will see; the first is traced.
        candidates: Most candidates N of a plan; the graphs are made for that many.
        generator: Source of the candidates that are compared.
        form: ``torch`` for `torch.export`, or ``onnx``.

    Returns:
        Largest difference of each graph to the original, in units of the original's largest value.

    Raises:
        ConfigError: It is another policy, or something cannot be traced, or gives other numbers.
        DataError: The disk refused.
        DependencyError: What writes ONNX is not installed.
    """
    policy = exportable(policy)
    if form not in _SUFFIXES:
        raise unknown_name("export.format", str(form), _SUFFIXES)
    first = observations[0]
    (folder / _MANIFEST).unlink(missing_ok=True)  # without it nothing is an export
    chunk = torch.randn(1, candidates, *policy.shape, generator=generator, device=generator.device)
    level = torch.full((1, candidates), int(policy.noiser.config["num_train_timesteps"]) // 2, device=chunk.device)
    with torch.no_grad():
        state = policy.encoder(first)

    def encode(*seen: Tensor) -> tuple[Tensor, ...]:
        return tuple(policy.encoder(_observed(policy.observes, seen)))

    def denoise(*given: Tensor) -> Tensor:
        return policy.denoiser(type(state)(*given[:-2]), *given[-2:])

    parts: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
        "encoder": (encode, _parts(first, policy.observes)),
        "denoiser": (denoise, (*state, chunk, level)),
    }
    judged = ()
    if scorer is not None:
        fixed = _with_fixed_draws(scorer, chunk)
        judged = tuple(key for key in as_reward(scorer).keys if key != ACTION)

        def score(*given: Tensor) -> Tensor:
            return as_scorer(fixed).score(_observed(judged, given[:-1]), given[-1]).value

        candidate = policy.scale.outside(chunk.clamp(-1, 1))
        parts["scorer"] = (score, (*_parts(first, judged), candidate))
    for name, (function, example) in parts.items():
        _write(folder / f"{name}{_SUFFIXES[form]}", name, function, example)
    policy.sampler.set_timesteps(policy.sample_steps)
    steps = [int(step) for step in policy.sampler.timesteps]
    alphas = policy.alphas.tolist()
    following = [step - len(alphas) // len(steps) for step in steps]  # the noise level after each step
    manifest: dict[str, Any] = {
        "format": form,
        "candidates": candidates,
        "shape": list(policy.shape),
        "observes": list(policy.observes),
        "judged": list(judged),
        "temperature": policy.temperature,
        "scale": [policy.scale.low.tolist(), policy.scale.high.tolist()]
        if isinstance(policy.scale, ActionScale)
        else None,
        "levels": [[t, alphas[t], alphas[n] if n >= 0 else 1.0] for t, n in zip(steps, following, strict=True)],
    }
    found = _compare(policy, scorer, folder, manifest, observations, generator)
    wrong = {name: value for name, value in found.items() if not value <= TOLERANCE}
    if wrong:
        raise ConfigError(f"exported graphs differ from the originals by {wrong}, more than {TOLERANCE}")
    write_json(folder / _MANIFEST, manifest | {"difference": found})
    return found


def exportable(policy: ChunkPolicy) -> ChunkDiffusion:
    """The policy, if graphs can be exported of it.

    Raises:
        ConfigError: They cannot; one that says so is used ``elsewhere`` in another way.
    """
    if not isinstance(policy, ChunkDiffusion):
        instead = getattr(policy, "elsewhere", "choose policy=diffusion or policy=observed")
        raise ConfigError(f"graphs are exported of a diffusion policy, and this policy is none; {instead}")
    if policy.likeliest > 1:
        raise ConfigError("exported graphs do not say how likely an action is; export with policy.likeliest=1")
    return policy


class ExportedPolicy:
    """Samples candidates with exported graphs (DDIM, Song et al. 2021, eta 0).

    Args:
        folder: From `export`.
        manifest: What ``manifest.json`` says; None reads it.

    Raises:
        DataError: The folder lacks something, or holds something that is not admitted.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any] | None = None) -> None:
        self._manifest = _manifest(folder) if manifest is None else manifest
        self._encoder, self._denoiser = (_load(folder, name, self._manifest) for name in ("encoder", "denoiser"))
        self.shape, self.observes = tuple(self._manifest["shape"]), _names(self._manifest, "observes")
        self._scale = ActionScale(self.shape[1])
        if self._manifest.get("scale") is not None:
            self._scale.fit(torch.tensor(self._manifest["scale"], dtype=torch.float32))

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample candidate chunks.

        Args:
            observation: What it observes, (1, ...) of each part.
            n: Candidates N, at most as many as the graphs were made for.
            generator: Source of the initial noise.

        Returns:
            (1, N, H, A), as the policy samples them.

        Raises:
            ConfigError: Too many candidates.
            ActionError: A sample is not finite.
        """
        most = int(self._manifest["candidates"])
        if n > most:
            raise ConfigError(f"this export is for at most {most} candidates, got {n}; export again with more")
        noise = torch.randn(1, n, *self.shape, generator=generator)
        chunk = _filled(self._manifest.get("temperature", 1.0) * noise, most)
        state = self._encoder(*_parts(observation, self.observes))
        for timestep, alpha, following in self._manifest["levels"]:
            noise = self._denoiser(*state, chunk, torch.full((1, most), timestep))
            clean = ((chunk - (1 - alpha) ** 0.5 * noise) / alpha**0.5).clamp(-1, 1)
            noise = (chunk - alpha**0.5 * clean) / (1 - alpha) ** 0.5
            chunk = following**0.5 * clean + (1 - following) ** 0.5 * noise
        if not bool(torch.isfinite(chunk).all()):
            raise ActionError("the exported policy sampled actions that are not finite")
        return self._scale.outside(chunk[:, :n].clamp(-1, 1))


class ExportedScorer:
    """Scores candidates with an exported graph.

    Args:
        folder: From `export`.
        manifest: What ``manifest.json`` says; None reads it.

    Raises:
        DataError: The folder lacks something, or holds something that is not admitted.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any] | None = None) -> None:
        manifest = _manifest(folder) if manifest is None else manifest
        self._most, self.observes = int(manifest["candidates"]), _names(manifest, "judged")
        self._scorer = _load(folder, "scorer", manifest)

    @torch.no_grad()
    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (1, N, H, A) candidates, up to a constant of the state; the draw is the one that was exported."""
        del draw
        value = self._scorer(*_parts(observation, self.observes), _filled(actions, self._most))
        return Scores(value[:, : actions.shape[1]])


class _FixedDraws:
    """Draws made once."""

    def __init__(self, drawn: NoiseDraw, original: Any) -> None:
        self._drawn, self.count, self.upper = drawn, original.count, original.upper

    def __call__(self, batch: int, shape: Sequence[int], generator: torch.Generator) -> NoiseDraw:
        return self._drawn


def _with_fixed_draws(scorer: nn.Module, chunk: Tensor) -> nn.Module:
    """A copy whose scores take the draws that they take by default, without drawing them again."""
    scorer = copy.deepcopy(scorer).eval()
    for part in rewards_within(scorer):
        if not lacking(part, DrawnReward):
            drawn = part.draws(1, part.policy.shape, torch.Generator(chunk.device).manual_seed(0))
            part.draws = _FixedDraws(drawn, part.draws)
    return scorer


def _write(path: Path, name: str, function: Callable[..., Any], example: tuple[Tensor, ...]) -> None:
    try:
        with torch.no_grad(), warnings.catch_warnings(), replacing(path) as unfinished:
            warnings.simplefilter("ignore")
            if path.suffix == ".onnx":
                onnx.write(unfinished, function, example)
                return
            # An energy's denoiser differentiates, which only this tracer writes out.
            program = torch.export.export(make_fx(function)(*example), example)
            program.example_inputs = None  # torch would pickle them
            torch.export.save(program, unfinished)
    except (DataError, DependencyError):
        raise
    except Exception as error:  # what tracing raises depends on what it met
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"the {name} cannot be exported: {reason}") from error


def _compare(
    policy: ChunkDiffusion, scorer: nn.Module | None, folder: Path, manifest: dict[str, Any],
    observations: Sequence[Observation], generator: torch.Generator,
) -> dict[str, float]:  # fmt: skip
    """Largest difference of what the graphs and the originals make of the same observations."""
    exported = ExportedPolicy(folder, manifest)
    ranked = None if scorer is None else ExportedScorer(folder, manifest)
    count, found = int(manifest["candidates"]), {"policy": 0.0}
    for observation in observations:
        state = generator.get_state()
        theirs = policy.sample(observation, count, generator=generator)
        generator.set_state(state)
        ours = exported.sample(observation, count, generator=generator)
        found["policy"] = max(found["policy"], _difference(ours, theirs))
        if scorer is not None and ranked is not None:
            with torch.no_grad():
                value = as_scorer(scorer).score(observation, theirs).value
            again = ranked.score(observation, theirs).value
            found["scorer"] = max(found.get("scorer", 0.0), _difference(again, value))
    return found


def _observed(names: Sequence[str], parts: Sequence[Tensor]) -> Observation:
    return Observation.of(dict(zip(names, parts, strict=True)))


def _parts(observation: Observation, names: Sequence[str]) -> tuple[Tensor, ...]:
    return tuple(observation.part(name) for name in names)


def _difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-6))


def _filled(chunks: Tensor, count: int) -> Tensor:
    """Repeat the last of (1, N, H, A) chunks until there are `count`."""
    if chunks.shape[1] > count:
        raise ConfigError(f"this export is for at most {count} candidates, got {chunks.shape[1]}")
    return torch.cat([chunks, chunks[:, -1:].expand(-1, count - chunks.shape[1], -1, -1)], dim=1)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    if not path.exists():
        raise DataError(f"{folder} holds no export; run: robopref export")
    found = read_json(path)
    shape, levels, scale = _listed(found.get("shape")), _listed(found.get("levels")), found.get("scale")
    sizes = [found.get("candidates"), *shape]
    if found.get("format", "torch") not in [*_SUFFIXES] or not (
        all(type(size) is int and 0 < size < _LARGEST for size in sizes) and len(shape) == 2
    ):
        raise DataError(f"{path} is damaged: format, candidates or shape are not those of an export")
    if not all(type(name) is str for key in ("observes", "judged") for name in _listed(found.get(key, []))):
        raise DataError(f"{path} is damaged: observes and judged must be lists of names")
    ends = [_listed(one) for one in _listed(scale)]
    if scale is not None and not (len(ends) == 2 and all(len(one) == shape[1] for one in ends) and _finite(ends)):
        raise DataError(f"{path} is damaged: scale must be two lists of {shape[1]} numbers")
    if not (_is_level(temperature := found.get("temperature", 1.0)) and 0 < temperature < 1e3):
        raise DataError(f"{path} is damaged: temperature must be a positive number")
    if not levels or not all(len(_listed(level)) == 3 and all(map(_is_level, level)) for level in levels):
        raise DataError(f"{path} is damaged: levels must be lists of three numbers from 0")
    return found


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [None]


def _names(manifest: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(manifest.get(key, _OBSERVED))


def _finite(lists: Sequence[Sequence[Any]]) -> bool:
    return all(type(value) in (int, float) and math.isfinite(value) for one in lists for value in one)


def _is_level(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _load(folder: Path, name: str, manifest: dict[str, Any]) -> Any:
    path = folder / f"{name}{_SUFFIXES[manifest.get('format', 'torch')]}"
    if not path.exists():
        raise DataError(f"{path} is not a readable export: there is no such file; export again")
    try:
        if path.suffix == ".onnx":
            return onnx.load(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return graph_archive.load(path)
    except (DataError, DependencyError):
        raise
    except Exception as error:  # what a damaged file raises depends on which of its bytes are damaged
        raise DataError(f"{path} is not a readable export ({str(error).splitlines()[:1]}); export again") from error
