"""A SIMULATOR of a model that ranks pictures by a sentence, on loopback, and a task whose pictures are numbers.

No model is involved. A picture of `ShownCarrying` holds a grey bar for each of `ATTRIBUTES` of the present state; the
server reads the bars, and the sentence of a question for clauses that it knows, whose first counts most. It ranks
without mistakes, so it shows what commands make of such answers, and nothing of what a real model sees.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import ascii_uppercase
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds.carrying_styles import CarryingStylesEnv
from benchmarks.worlds.pixel_judge import read_request

ID = "robopref/ShownCarrying-v0"
SECOND = 0.4  # what a second clause counts
# By attribute: what more and less of it is called, the value of a white bar, and its unit and how many are in a metre.
ATTRIBUTES = {
    "height": ("carry it high over the table", "carry it low over the table", 0.35, "cm"),
    "goal": ("stay away from the goal", "come close to the goal", 0.8, "cm"),
    "laptop": ("keep away from the laptop", "go near the laptop", 0.5, "cm"),
}
CLAUSES = {said: (column, sign) for column, both in enumerate(ATTRIBUTES.values())
           for sign, said in zip((1, -1), both[:2], strict=True)}  # fmt: skip


class ShownCarryingEnv(CarryingStylesEnv):
    """`CarryingStylesEnv` whose pictures show `ATTRIBUTES` as bars."""

    @property
    def shown(self) -> tuple[float, float, float]:
        """Height of the cup, its distance to the goal, and to the laptop in the plane, m."""
        cup = self._tool.position
        apart = np.linalg.norm(cup[:2] - self._laptop[:2])
        return float(cup[2]), float(np.linalg.norm(cup - self._goal)), float(apart)

    def picture(self, camera: str, size: int) -> NDArray[np.uint8]:
        """Bars in place of what a camera sees, (size, size, 3)."""
        del camera
        most = [one[2] for one in ATTRIBUTES.values()]
        grey = np.clip(np.array(self.shown) / most * 255, 0, 255).round()
        columns = np.arange(size) * len(grey) // size
        return np.broadcast_to(grey[columns][None, :, None], (size, size, 3)).astype(np.uint8)


gym.register(id=ID, entry_point=f"{__name__}:ShownCarryingEnv", max_episode_steps=80)


class PrincipledServer:
    """Serves rankings at a loopback address, as a context manager."""

    def __enter__(self) -> PrincipledServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                data = json.dumps(reply(body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def worth(sentence: str, shown: NDArray[Any]) -> NDArray[Any]:
    """What a sentence wants of items, (N,) of (N, 3) in shares of a white bar."""
    clauses = [CLAUSES[said] for said in re.split(r"; (?:then )?", sentence)]
    return sum(weight * sign * shown[:, column] for weight, (column, sign) in zip((1, SECOND), clauses, strict=False))


def reply(body: Mapping[str, Any]) -> dict[str, Any]:
    """The server's answer to a request for a ranking of pictures."""
    text, pictures = read_request(body["messages"])
    sentence = text.rpartition("Principle: ")[2].partition("\n")[0]
    middles = [int((column + 0.5) * pictures[0].shape[1] / len(ATTRIBUTES)) for column in range(len(ATTRIBUTES))]
    order = np.argsort(-worth(sentence, np.array([one[0, middles, 0] for one in pictures]) / 255), kind="stable")
    scores = {f"score_{ascii_uppercase[place]}": max(1, 5 - at) for at, place in enumerate(order)}
    names = " > ".join(ascii_uppercase[place] for place in order)
    said = {"reasoning": "so", **scores, "best_to_worst": names, "answer": "ranked", "confidence": 0.9}
    return {
        "id": "simulated", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(said)}}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
    }  # fmt: skip
