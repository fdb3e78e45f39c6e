"""LeRobot weighs the frames of a dataset by its file of progress: `SOURCE TARGET CHUNK`."""

import sys

import torch
from exchange import dump
from lerobot.utils.rabc import RABCWeights

SOURCE, TARGET, CHUNK = sys.argv[1:]
found = RABCWeights(f"{SOURCE}/sarm_progress.parquet", chunk_size=int(CHUNK), device=torch.device("cpu"))
weights, _ = found.compute_batch_weights({"index": torch.arange(len(found.df))})
dump(TARGET, [{"weights": weights.numpy()}])
