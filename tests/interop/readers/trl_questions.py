"""TRL's GRPOTrainer takes five steps by a reward function: `FUNCTIONS.py PROMPTS.jsonl TARGET.json`."""

import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer


def main(functions, prompts, target):
    spec = importlib.util.spec_from_file_location("question_reward", functions)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = [json.loads(line) for line in Path(prompts).read_text(encoding="utf-8").splitlines()]
    # A language of few words, so that a model with random weights says each of them.
    said = [json.dumps({"kind": "feature", "feature": name}) for name in ("height", "gap")] + ["How high?"]
    special = {"<unk>": 0, "<pad>": 1, "<eos>": 2}
    words = Tokenizer(models.WordLevel(special, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>")
    tokenizer.add_tokens([AddedToken(one, normalized=False) for one in said])
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=512, pad_token_id=1, eos_token_id=2, bos_token_id=None,
        )
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=model, processing_class=tokenizer, reward_funcs=module.question_reward,
            train_dataset=Dataset.from_list(rows),
            args=GRPOConfig(
                output_dir=folder, max_steps=5, per_device_train_batch_size=8, num_generations=8,
                max_completion_length=1, use_cpu=True, report_to=[], logging_steps=1, save_strategy="no",
                learning_rate=1e-2, seed=0,
            ),
        )  # fmt: skip
        trainer.train()
    logged = [one for one in trainer.state.log_history if "rewards/question_reward/mean" in one]
    with open(target, "w", encoding="utf-8") as file:
        json.dump(logged, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
