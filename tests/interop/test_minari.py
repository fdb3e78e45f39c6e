"""Minari, with which the tests run, writes what is read; the usual tests have it read what is written."""

import gymnasium
import minari
import numpy as np
from minari.data_collector.episode_buffer import EpisodeBuffer

from robopref.data.episode_formats.conversion import open_dataset


def test_what_was_written_there_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env, rng = gymnasium.make("Pendulum-v1"), np.random.default_rng(0)
    buffers = [
        EpisodeBuffer(
            id=number, observations=rng.uniform(-1, 1, (steps + 1, 3)).astype(np.float32),
            actions=rng.uniform(-2, 2, (steps, 1)).astype(np.float32), rewards=rng.normal(size=steps),
            terminations=np.zeros(steps, bool), truncations=np.arange(steps) == steps - 1,
        )
        for number, steps in enumerate((4, 1, 3))
    ]  # fmt: skip
    theirs = minari.create_dataset_from_buffers("lab/pendulum-v0", buffers, env=env)
    data = open_dataset(tmp_path / "lab/pendulum-v0")
    assert data.count == theirs.total_episodes == 3
    assert data.attrs["task"] == "Pendulum-v1"
    for ours, episode in zip(data, theirs.iterate_episodes(), strict=True):
        np.testing.assert_array_equal(ours["state"], episode.observations[:-1])
        np.testing.assert_array_equal(ours["next_state"], episode.observations[1:])
        np.testing.assert_array_equal(ours["action"], episode.actions)
        np.testing.assert_array_equal(ours["reward"], episode.rewards)
        assert ours["truncated"].tolist() == episode.truncations.tolist()
