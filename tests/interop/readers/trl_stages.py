"""Trains a tiny model of random weights by TRL: python trl_stages.py <cold start> <sifted> <hard> <report>."""

import json
import sys
from pathlib import Path
from tempfile import mkdtemp

import torch
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

sys.path.insert(0, str(Path(__file__).parents[3]))
from robopref.learning.chain_rewards import accuracy_reward, dimension_reward, format_reward

STEPS = 5
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SETTINGS = {
    "max_steps": STEPS, "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none",
    "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, "learning_rate": 1e-3,
}  # fmt: skip


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and marks of turns."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens(["<|end|>", "<|pad|>", "<|user|>", "<|assistant|>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    return fast


def main(cold: str, sifted: str, hard: str, report: str) -> None:
    torch.manual_seed(0)
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=8192, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    model, told = LlamaForCausalLM(config), {}
    for name, path in (("cold start", cold), ("sift", sifted)):
        data = load_dataset("json", data_files=path, split="train").select_columns(["prompt", "completion"])
        trainer = SFTTrainer(
            model, SFTConfig(mkdtemp(), per_device_train_batch_size=1, max_length=None, **SETTINGS),
            train_dataset=data, processing_class=words,
        )  # fmt: skip
        trainer.train()
        told[name] = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    data = load_dataset("json", data_files=hard, split="train")
    trainer = GRPOTrainer(
        model, [format_reward, accuracy_reward, dimension_reward],
        args=GRPOConfig(
            mkdtemp(), per_device_train_batch_size=2, num_generations=2, max_completion_length=16, **SETTINGS
        ),
        train_dataset=data, processing_class=words,
    )  # fmt: skip
    trainer.train()
    rows = [row for row in trainer.state.log_history if "reward" in row]
    told["hard"] = rows
    Path(report).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
