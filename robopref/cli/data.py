"""`robopref data`: what is in datasets of any format, and moving them between formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.tables import console, print_table, tracked
from robopref.data.episode_formats import combine
from robopref.data.episode_formats.conversion import changed, detect, open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import ConfigError
from robopref.quality.data_quality import QualityLimits
from robopref.quality.data_summary import array_rows, end_text, episode_rows, summarise
from robopref.quality.uses import uses

_SAID = ("instruction", "instructions", "task", "options", "fps", "quality", "seed", "merged")


def inspect(config: DictConfig, words: Sequence[str]) -> None:
    """Print the format, arrays, lengths, returns, ends and attributes of a dataset."""
    (path,) = _paths(words, "inspect PATH", 1)
    data = opened(config, path, "reading")
    summary = summarise(data)
    _say(f"{path}: {config['from'] or detect(path)}, {len(summary.lengths)} episodes, {summary.steps} steps")
    for name in _SAID:
        if data.attrs.get(name) not in (None, "", {}):
            _say(f"{name}: {data.attrs[name]}")
    print_table(console, "Arrays", array_rows(summary))
    print_table(console, "Episodes", episode_rows(summary))
    _say(end_text(summary))
    for name, line in uses(data.attrs, {array.name: array.shape for array in summary.arrays}):
        _say(f"{name}: {line}")


def convert(config: DictConfig, words: Sequence[str]) -> None:
    """Write a dataset in another format."""
    source, target = _paths(words, "convert SRC DST", 2)
    _write(config, target, opened(config, source, "converting"))


def merge(config: DictConfig, words: Sequence[str]) -> None:
    """Write the episodes of several datasets into one."""
    *sources, target = _paths(words, "merge A B [...] DST", None)
    if len(sources) < 2:
        raise ConfigError("usage: robopref data merge A B [...] DST [name=value ...]")
    data = [opened(config, source, f"merging {source.name}") for source in sources]
    _write(config, target, combine.merge(data, attributes=config.attributes))


def split(config: DictConfig, words: Sequence[str]) -> None:
    """Write the episodes of a dataset into two."""
    source, *targets = _paths(words, "split SRC DST_A DST_B", 3)
    data = opened(config, source, "splitting")
    parts = combine.split(data, float(config.fraction), by=config.by, seed=int(config.seed))
    for target, part in zip(targets, parts, strict=True):
        _write(config, target, part)


def quality(config: DictConfig, words: Sequence[str]) -> None:
    """Write a page on the quality of a dataset, and print which episodes are suspicious."""
    from robopref.reports.data_report import write_data_quality  # matplotlib is slow to load

    (path,) = _paths(words, "quality PATH", 1)
    target = Path(config.report) if config.report else path.with_name(f"{path.name}.quality.html")
    limits = QualityLimits(**{name: float(config[name]) for name in ("saturated", "still", "share", "outlier", "gap")})
    found = write_data_quality(target, opened(config, path, "looking"), limits)
    _say(end_text(found.summary))
    for number, reasons in list(found.suspicious.items())[:10]:
        _say(f"episode {number}: {'; '.join(reasons)}")
    if len(found.suspicious) > 10:
        _say(f"… and {len(found.suspicious) - 10} more suspicious episodes")
    _say(f"report: {target}")


def _paths(words: Sequence[str], usage: str, count: int | None) -> list[Path]:
    if not words or (count is not None and len(words) != count):
        raise ConfigError(f"usage: robopref data {usage} [name=value ...]")
    return [Path(word) for word in words]


def opened(config: DictConfig, path: Path, doing: str) -> Dataset:
    """A dataset of any format, as settings say that it is to be read; its notes are printed.

    Args:
        config: Settings of the command.
        path: The dataset.
        doing: What is done with it, for the bar.
    """
    data = open_dataset(path, config["from"], _choices(config, config.names))
    for note in data.notes:
        _say(f"{path}: {note}")
    data = changed(data, fill=list(config.fill))
    return replace(data, load=lambda: tracked(data, data.count, doing))


def _write(config: DictConfig, path: Path, data: Dataset) -> None:
    if config.format == "minari" and "env_spec" not in data.attrs and (task := data.attrs.get("task")):
        from robopref.robots.registered_tasks import recipe  # gymnasium is slow to load

        if (spec := recipe(str(task), dict(data.attrs.get("options") or {}))) is not None:
            data = replace(data, attrs={**data.attrs, "env_spec": spec})
    write_dataset(path, data, config.format, _choices(config, config.rename))
    _say(f"{path}: {data.count} episodes")


def _choices(config: DictConfig, names: DictConfig) -> Choices:
    given: dict[str, Any] = {
        str(name): value
        for name, value in OmegaConf.to_container(names).items()  # type: ignore[union-attr]
        if value is not None
    }
    return Choices(
        names=given,
        fps=config.fps,
        pictures=config.pictures,
        final=config.final,
        max_steps=config.max_steps,
        mask=str(config.mask),
        drop=tuple(str(name) for name in config.drop),
        colours=config.colours,
        progress=config.progress,
    )


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
