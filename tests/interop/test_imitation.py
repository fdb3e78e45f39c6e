"""imitation's own PreferenceDataset."""

import numpy as np

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from tests.interop.readers.exchange import dump


def test_preferences_that_it_saved_come_in(peer, tmp_path):
    rng = np.random.default_rng(0)
    made = [
        {
            "obs": rng.normal(size=(6, 3)).astype(np.float32), "acts": rng.normal(size=(5, 2)).astype(np.float32),
            "rews": rng.normal(size=5),
        }
        for _ in range(6)
    ]  # fmt: skip
    dump(tmp_path / "made.npz", made, preferences=[1.0, 0.5, 0.25])
    peer("imitation").run("imitation_preferences.py", tmp_path / "made.npz", tmp_path / "pairs.pkl")
    words = [f"run={tmp_path / 'run'}", f"path={tmp_path / 'pairs.pkl'}", "format=imitation", "labeler=ann"]
    assert main(["labels", "import", *words]) == 0
    given = FeedbackStore(tmp_path / "run/labels.sqlite").feedback()
    assert [(one.answer.p, one.labeler) for one in given] == [(1.0, "ann"), (0.5, "ann"), (0.25, "ann")]
    store = EpisodeStore.open(tmp_path / "run/pairs.zarr")
    for number, fragment in enumerate(made):
        episode = store.episode(number)
        np.testing.assert_array_equal(episode["state"], fragment["obs"][:-1])
        np.testing.assert_array_equal(episode["next_state"], fragment["obs"][1:])
        np.testing.assert_array_equal(episode["action"], fragment["acts"])
        np.testing.assert_array_equal(episode["reward"], fragment["rews"])
