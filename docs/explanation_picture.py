"""Take the picture of the page that `robopref explain` writes, of planted answers: python docs/explanation_picture.py.

A hand reaches for a cup. Three people compare 450 pairs of such segments. All prefer little force, though they were
told to look at speed; ann and bob like it when the hand ends near the cup, and cyd when it keeps away from it; and all
are led by the side from which was filmed. A tenth of the answers are wrong.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from robopref.__main__ import main  # noqa: E402
from robopref.data.episodes.store import EpisodeStore  # noqa: E402
from robopref.data.labels.feedback_store import FeedbackStore  # noqa: E402
from robopref.records import Feedback, Item, Preference, Query  # noqa: E402

PAIRS, LENGTH, POINTS = 450, 12, 60
WORDS = [
    'explain.quantities={hand: "proprio[0:3]", cup: "state[0:3]"}',
    'explain.rubric=["more mean(speed(hand))"]',
    "explain.examples=3",
]


def planted(folder: Path) -> None:
    """A run folder with segments and answers."""
    rng, count = np.random.default_rng(3), 2 * PAIRS
    cup = rng.uniform(-0.2, 0.2, (count, 1, 3)) * [1, 1, 0]
    away, force, side = rng.uniform(0, 0.15, count), rng.gamma(4, 1.0, count), rng.choice([-1.0, 1.0], count)
    angle, start = rng.uniform(0, 2 * np.pi, (2, count))
    directions = np.stack([np.stack([np.cos(a), np.sin(a), 0 * a], -1) for a in (angle, start)])
    end, begin = cup[:, 0] + away[:, None] * directions[0], cup[:, 0] + 0.35 * directions[1]
    part = np.linspace(0, 1, LENGTH)[:, None] ** rng.uniform(0.6, 1.6, count)[:, None, None]
    hand = begin[:, None] + part * (end - begin)[:, None]
    ring = 0.03 * np.stack([f(np.linspace(0, 2 * np.pi, POINTS)) for f in (np.cos, np.sin, np.zeros_like)], -1)
    points = np.concatenate([cup[:, :, None] + ring + 0 * hand[:, :, None], hand[:, :, None] + 0.4 * ring], 2)
    felt = np.broadcast_to(force[:, None], (count, LENGTH))
    flat = {
        "points": points, "proprio": hand, "state": np.broadcast_to(cup, hand.shape), "force": felt[..., None],
        "camera": np.broadcast_to(side[:, None, None], (count, LENGTH, 1)),
    }  # fmt: skip
    store = EpisodeStore.create(folder / "reach.zarr", {})
    store.append({name: array.reshape(-1, *array.shape[2:]).astype(np.float32) for name, array in flat.items()})
    items = [Item("reach", LENGTH * k, LENGTH * (k + 1)) for k in range(count)]
    queries = [
        Query(f"q{k}", "pair", (items[2 * k], items[2 * k + 1]), "Which reaches the cup better?") for k in range(PAIRS)
    ]
    with FeedbackStore(folder / "labels.sqlite") as database:
        database.add_queries(queries)
        answers: list[Feedback] = []
        for k in range(PAIRS):
            who = ("ann", "bob", "cyd")[k % 3]
            worth = -0.6 * force + (20 if who == "cyd" else -20) * away + 1.2 * side
            better = (worth[2 * k] > worth[2 * k + 1]) ^ (rng.random() < 0.1)
            order = (0, 1) if rng.random() < 0.5 else (1, 0)
            answers.append(Feedback(f"q{k}", Preference(float(better)), who, order=order, seconds=3.0))
        database.add_all(answers)


def picture(out: Path) -> None:
    """Explain the answers and take the page."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        planted(folder)
        if main(["explain", f"run={folder}", *WORDS]):
            sys.exit(1)
        options = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--hide-scrollbars"]
        command = [
            "chromium",
            *options,
            "--window-size=1180,2680",
            f"--screenshot={out}",
            f"file://{folder}/explanation.html",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    reduced(out)


def reduced(path: Path) -> None:
    """Keep as few colours as a drawing needs."""
    from PIL import Image

    with Image.open(path) as taken:
        small = taken.convert("RGB").quantize(64)
    small.save(path, optimize=True)


if __name__ == "__main__":
    os.makedirs(ROOT / "docs" / "people", exist_ok=True)
    picture(ROOT / "docs" / "people" / "explanation.png")
