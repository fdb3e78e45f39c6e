"""TRL's own GRPOTrainer runs on what `robopref train rewriter` writes."""

import json

import numpy as np

from robopref.checklists.vocabulary import shipped_vocabulary
from robopref.instructions.drawn_cases import draw_cases
from robopref.instructions.rewrite_rewards import rewrite_rows


def test_its_trainer_takes_the_prompts_and_the_rewards(peer, tmp_path):
    vocabulary = shipped_vocabulary()
    rows = rewrite_rows(draw_cases(vocabulary, 8, np.random.default_rng(0)), vocabulary)
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    peer("trl").run("trl_rewrites.py", tmp_path / "prompts.jsonl", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report) == 5
    for row in report:
        # What a model of random weights says has no format, and the reward functions say so.
        assert row["rewards/format_reward/mean"] == row["rewards/checklist_reward/mean"] == 0
        assert row["rewards/intent_reward/mean"] == -1
