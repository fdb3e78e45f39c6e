"""TRL's GRPOTrainer takes steps by the rewards of rewrites: python trl_rewrites.py <prompts> <report>."""

import importlib.util
import json
import sys
from pathlib import Path
from tempfile import mkdtemp

import torch
from datasets import load_dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer
from trl_stages import SETTINGS, tokenizer

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
# Where robopref is not installed, its settings lie beside it.
SETTINGS_FOLDER = importlib.util.spec_from_file_location("robopref.configs", ROOT / "configs" / "__init__.py")
sys.modules["robopref.configs"] = importlib.util.module_from_spec(SETTINGS_FOLDER)
sys.modules["robopref.configs"].__path__ = [str(ROOT / "configs")]
from robopref.instructions.rewrite_rewards import checklist_reward, format_reward, intent_reward  # noqa: E402


def main(prompts: str, report: str) -> None:
    torch.manual_seed(0)
    words = tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=8192, eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    trainer = GRPOTrainer(
        model, [format_reward, intent_reward, checklist_reward],
        args=GRPOConfig(
            mkdtemp(), per_device_train_batch_size=2, num_generations=2, max_completion_length=16, **SETTINGS
        ),
        train_dataset=load_dataset("json", data_files=prompts, split="train"), processing_class=words,
    )  # fmt: skip
    trainer.train()
    Path(report).write_text(json.dumps([row for row in trainer.state.log_history if "reward" in row]))


if __name__ == "__main__":
    main(*sys.argv[1:])
