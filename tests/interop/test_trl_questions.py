"""TRL's own GRPOTrainer learns by the reward of questions, on a random model."""

import json
from pathlib import Path

from robopref.querying import question_reward


def test_its_trainer_learns_by_the_reward_of_questions(peer, tmp_path):
    rows = question_reward.question_prompts([("low over the table", ["height", "gap"], ["feature height"], [])] * 8)
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    functions = Path(question_reward.__file__)
    peer("trl").run("trl_questions.py", functions, tmp_path / "prompts.jsonl", tmp_path / "logged.json")
    logged = json.loads((tmp_path / "logged.json").read_text())
    assert len(logged) == 5
    assert all(-1 <= one["rewards/question_reward/mean"] <= 1 for one in logged)
    assert max(one["rewards/question_reward/std"] for one in logged) > 0  # good questions and bad ones
    assert max(float(one["grad_norm"]) for one in logged) > 0
