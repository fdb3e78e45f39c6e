"""Settings are composed once for a choice of groups, and are then what Hydra makes of the words."""

from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from benchmarks.worlds.settings import shipped
from robopref.cli.configuration import compose_alone
from robopref.errors import ConfigError


def by_hydra(words: list[str]) -> Any:
    with initialize_config_module("robopref.configs", version_base="1.3"):
        return OmegaConf.to_container(compose("online", overrides=words), resolve=True)


@pytest.mark.parametrize(
    "words",
    [
        ["seed=1e3", "seed=2", "label.segments={length: 9}"],
        ["labeler.mistake=0.5", "labeler=mistaken"],
        ["labeler=mistaken", "labeler.mistake=0.5", "objective@rewards.segment.objective=kto"],
        ["threads=${seed}", "seed=3"],
        ["+labeler.more=1", "labeler.more=2"],
        ["labeler.mistake=0.5", "labeler={mistake: 0.25}"],
        ["++seed=4", "seed=5"],
        ["++make.mine={least: 3}", "+make.mine.most=4", "++make.mine.least=null", "+label={alike: [1]}"],
        ["+make.state=true", "labeler=mistaken", "++labeler.mistake=0.5", "+make.name='a=b'"],
    ],
)
def test_words_mean_what_they_mean_to_hydra(words: list[str]) -> None:
    expected = by_hydra(words)
    for _ in range(2):  # what was composed before is not changed
        assert OmegaConf.to_container(compose_alone("online", words)) == expected
        assert compose_alone("online", []).seed == 0


@pytest.mark.parametrize("word", ["seeed=1", "seed=choice(1,2)", "labeler.port.deep=1", "hydra.nothing=1", "+seed=3"])
def test_what_hydra_refuses_is_refused(word: str) -> None:
    with pytest.raises(ConfigError):
        compose_alone("online", [word])


def test_files_are_read_with_the_same_settings_everywhere() -> None:
    usual = shipped("config")[""]["read"]
    assert shipped("offline")[""]["read"] == usual
    # Of commands on files they are no group, and the format is that of what is read.
    data = shipped("data")[""]
    assert {name: data["from" if name == "format" else name] for name in usual} == usual
    assert list(data["rename"]) == list(usual["names"])
