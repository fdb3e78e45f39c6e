"""How many samples of a tiny model have the format after a cold start by TRL: python trl_cold_start.py <cold start>
<report> [steps]."""

import json
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import torch
from datasets import load_dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import SFTConfig, SFTTrainer
from trl_stages import SETTINGS, tokenizer

sys.path.insert(0, str(Path(__file__).parents[3]))
from robopref.learning.chain_rewards import format_reward

SAMPLES = 16  # of each temperature, shared by the prompts
LONGEST = 320  # bytes of a reply; those that are learnt from have about 200


def main(cold: str, report: str, steps: str = "150") -> None:
    torch.manual_seed(0)
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=8192, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    data = load_dataset("json", data_files=cold, split="train").select_columns(["prompt", "completion"])
    settings = {**SETTINGS, "max_steps": int(steps), "learning_rate": 5e-3, "warmup_steps": 10}
    args = SFTConfig(mkdtemp(), per_device_train_batch_size=1, max_length=None, **settings)
    trainer = SFTTrainer(model, args, train_dataset=data, processing_class=words)
    began = time.process_time()
    trainer.train()
    found = {"seconds": time.process_time() - began, "loss": [
        row["loss"] for row in trainer.state.log_history if "loss" in row
    ]}  # fmt: skip
    rows = [json.loads(line) for line in Path(cold).read_text(encoding="utf-8").splitlines()]
    for temperature in (1.0, 0.5):
        right = list[float]()
        for row in rows:
            ids = words.apply_chat_template(
                row["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
            )  # fmt: skip
            drawn = model.eval().generate(
                **ids, do_sample=True, temperature=temperature, top_k=0, max_new_tokens=LONGEST,
                num_return_sequences=SAMPLES // len(rows),
            )  # fmt: skip
            said = words.batch_decode(drawn[:, ids["input_ids"].shape[1] :], skip_special_tokens=True)
            right += format_reward(said, [row["dimensions"]] * len(said))
            found.setdefault("said", said[0])
        found[f"valid at temperature {temperature:g}"] = sum(right) / len(right)
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
