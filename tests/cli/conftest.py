"""One finished run for all tests of commands, and settings composed without what takes long and is never used."""

import copy
import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from hydra._internal import defaults_list
from hydra._internal.config_repository import ConfigRepository
from omegaconf import DictConfig

import envs.task
from robopref.__main__ import main
from robopref.cli.context import Context
from robopref.cli.remembered import Memory
from robopref.cli.usages import USAGES
from tests.cli.tiny import TINY
from tests.motions import shared, simulated_once

EVERY = ("run", "base", "seed", "device", "threads")  # that every command with a run folder begins with


@contextmanager
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No motion is simulated twice, and films have few pixels, which the processor draws."""
    with pytest.MonkeyPatch.context() as patch, simulated_once(shared(tmp_path_factory, "motions")):
        patch.setattr(envs.task, "PICTURE", 96)
        yield


@pytest.fixture(autouse=True, scope="module")
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with quick(tmp_path_factory):
        yield


@pytest.fixture(autouse=True, scope="session")
def _settings_are_parsed_once() -> Iterator[None]:
    """The files that settings are composed of, which take a third of each of hundreds of compositions to read."""
    parse, known = yaml.load, dict[str, Any]()
    read, read_before = ConfigRepository.load_config, dict[Any, bytes]()

    def load(stream: Any, Loader: Any) -> Any:
        if Loader.__name__ != "OmegaConfLoader" or isinstance(stream, str | bytes):
            return parse(stream, Loader)
        text = stream.read()
        if text not in known:
            stream.seek(0)  # what is wrong is said with the file's name
            known[text] = parse(stream, Loader)
        return copy.deepcopy(known[text])

    def load_config(repository: ConfigRepository, config_path: str) -> Any:
        if any(source.scheme() == "file" for source in repository.sources):
            return read(repository, config_path)
        packages = [source.path for source in repository.sources if source.scheme() == "pkg"]
        found = (config_path, *(str(resources.files(package)) for package in packages))
        if found not in read_before:
            read_before[found] = pickle.dumps(read(repository, config_path), pickle.HIGHEST_PROTOCOL)
        return pickle.loads(read_before[found])

    map_choices = defaults_list._create_interpolation_map

    def choices_if_referred_to(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
        """The choices that defaults may refer to, a quarter of each composition, which hardly ever any does."""
        referred = any(one.is_interpolation() for one in defaults if not one.is_self())
        return map_choices(overrides, defaults, self_added) if referred else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "load", load)
        patch.setattr(ConfigRepository, "load_config", load_config)
        patch.setattr(defaults_list, "_create_interpolation_map", choices_if_referred_to)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `robopref demo` leaves, made by the first process that needs it; to be copied by whoever changes it."""
    folder = shared(tmp_path_factory, "finished")
    with FileLock(f"{folder}.lock"), quick(tmp_path_factory):
        if not (folder / "report.html").exists():
            assert main(["demo", f"run={folder}", *TINY]) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(autouse=True)
def _no_setting_is_used_untold(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No command looks at a setting that its `--help` does not name."""
    at_work: dict[int, str] = {}
    untold: set[str] = set()
    kept: list[DictConfig] = []
    begin, look, look_up = Context.__init__, DictConfig.__getattr__, DictConfig.__getitem__

    def begun(context: Context, config: DictConfig, memory: Memory, command: str = "") -> None:
        if command in USAGES:
            at_work[id(config)] = command
            kept.append(config)  # or another one may be given its id
        begin(context, config, memory, command)

    def told(config: DictConfig, key: object) -> None:
        root = config._get_root()
        if id(root) in at_work and isinstance(key, str) and not key.startswith("_"):
            path, usage = str(config._get_full_key(key)), USAGES[at_work[id(root)]]
            known = (*usage.uses, *usage.made, *EVERY)
            if not any(f"{path}.".startswith(f"{one}.") or one.startswith(f"{path}.") for one in known):
                untold.add(f"{at_work[id(root)]}: {path}")

    def looked(config: DictConfig, key: str) -> object:
        told(config, key)
        return look(config, key)

    def looked_up(config: DictConfig, key: object) -> object:
        told(config, key)
        return look_up(config, key)

    monkeypatch.setattr(Context, "__init__", begun)
    monkeypatch.setattr(DictConfig, "__getattr__", looked)
    monkeypatch.setattr(DictConfig, "__getitem__", looked_up)
    yield
    assert untold == set()
