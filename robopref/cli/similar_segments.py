"""`robopref data similar`: segments, or episodes, that are like a given one by a trained embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig

from robopref.cli.data import opened
from robopref.cli.tables import console, print_table
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episodes.alike import ShownStretch, Stretch, nearest, stretches
from robopref.errors import ConfigError, DataError
from robopref.evaluation.item_map import EMBEDDING
from robopref.items import Items
from robopref.learning.embedding_training import points_of
from robopref.learning.stored_models import holds_model, load_embedding
from robopref.rewards.item_embedding import Embedding

_CHUNKS = (
    "{path} embeds the chunks of a policy, and recorded steps come with none; train one of recorded steps with: "
    "robopref offline similarity data={data}"
)


def run(config: DictConfig, words: Sequence[str]) -> None:
    """Print the segments that lie nearest to the one in which a step is, and draw them side by side.

    Raises:
        ConfigError: No embedding is named, or the step is not there.
        DataError: The embedding is not trained or of something else, or the data lack what it looks at, or the page
            cannot be written.
    """
    from robopref.reports.alike_report import write_alike  # matplotlib is slow to load

    if len(words) != 1:
        raise ConfigError("usage: robopref data similar PATH model=<run folder> [name=value ...]")
    (path,) = map(Path, words)
    if config.model is None:
        raise ConfigError(
            "say what tells which segments are alike: model=<run folder> whose embedding robopref offline similarity "
            "trained"
        )
    target = Path(config.report) if config.report else path.with_name(f"{path.name}.similar.html")
    if not target.parent.is_dir():
        raise DataError(f"{target} cannot be written: there is no folder {target.parent}")
    embedding = _embedding(Path(config.model), path)
    data = opened(config, path, "looking")
    lengths, points, found = list[int](), list[NDArray[np.float64]](), list[Stretch]()
    length = None if config.length is None else int(config.length)
    for episode in data:
        steps = len(next(iter(episode.values())))
        if missing := [key for key in embedding.keys if key not in episode]:
            raise DataError(f"{path} has no {missing[0]}, which the embedding looks at; it has {', '.join(episode)}")
        own = stretches([steps], length)
        points += [_point(embedding, episode, one) for one in own]
        begin = sum(lengths)
        found += [Stretch(len(lengths), begin + one.start, begin + one.stop) for one in own]
        lengths.append(steps)
    row = next((k for k, one in enumerate(found) if one.start <= int(config.to) < one.stop), None)
    if row is None:
        raise ConfigError(f"to={config.to} is no step of {path}, which has {sum(lengths)}")
    mine = found[row]
    near = nearest(np.stack(points), row, int(config.most))
    rows = [(str(found[k].episode), f"{found[k].start} to {found[k].stop - 1}", f"{away:.3f}") for k, away in near]
    title = f"Like steps {mine.start} to {mine.stop - 1}, of episode {mine.episode}; distance 1 is usual"
    print_table(console, title, [("episode", "steps", "distance"), *rows])
    write_alike(
        target, path.name, embedding.keys, _shown(data, [(mine, None), *((found[k], away) for k, away in near)])
    )
    console.print(f"report: {target}", highlight=False, markup=False, soft_wrap=True)


def _shown(data: Dataset, found: Sequence[tuple[Stretch, float | None]]) -> list[ShownStretch]:
    """Stretches with their arrays, which are read again, so that no more than these are held."""
    arrays, begin = dict[Stretch, Mapping[str, NDArray[Any]]](), 0
    for number, episode in enumerate(data):
        for one, _ in found:
            if one.episode == number:
                part = slice(one.start - begin, one.stop - begin)
                arrays[one] = {key: np.array(value[part]) for key, value in episode.items()}
        begin += len(next(iter(episode.values())))
    return [ShownStretch(one, away, arrays[one]) for one, away in found]


def _embedding(model: Path, data: Path) -> Embedding:
    path = model / EMBEDDING / "weights.pt" if model.is_dir() else model
    if not path.exists():
        raise DataError(f"no trained embedding at {path}; run: robopref offline similarity run={model} data={data}")
    if not holds_model(path):
        raise DataError(_CHUNKS.format(path=path, data=data))

    def none() -> Embedding:
        raise DataError(_CHUNKS.format(path=path, data=data))

    return load_embedding(path, none)


def _point(embedding: Embedding, episode: Mapping[str, NDArray[Any]], one: Stretch) -> NDArray[np.float64]:
    """Where a stretch of an episode lies, (D,)."""
    steps = {key: torch.as_tensor(np.asarray(episode[key][one.start : one.stop])) for key in embedding.keys}
    shaped = {
        key: value[..., :3].float() if key == "points" else value if key == "image" else value.float().flatten(1)
        for key, value in ((key, value if value.ndim > 1 else value[:, None]) for key, value in steps.items())
    }
    items = Items({key: value[None, None] for key, value in shaped.items()}, torch.ones(1, 1, one.stop - one.start))
    return points_of(embedding, items)[0, 0].double().numpy()
