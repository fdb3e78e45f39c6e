"""What commands on files and label databases are for, see `robopref.cli.usages`."""

from __future__ import annotations

from robopref.cli.command_use import CommandUse

_READ, _WRITTEN = (
    ("from", "names"),
    ("format", "rename", "drop", "fill", "fps", "pictures", "progress", "final", "max_steps", "mask", "colours"),
)
_SIFTED = ("path", "judge", "known", "task", "pictures", "data", "showing", "dimensions", "run", "database")

FILE_USAGES = {
    "labels quality": CommandUse(
        "agreement, consistency and bias of the labels",
        ("run", "database", "known", "floor"),
        (("run=runs/mine", "of the run's label database"),),
    ),
    "labels import": CommandUse(
        "add labels from a file of another format",
        ("path", "format", "run", "database", "source", "labeler", "length", "traces"),
        (
            ("run=runs/mine path=labels.jsonl", "of robopref"),
            ("run=runs/mine path=answers.json format=label-studio", "of another project"),
            ("run=runs/mine path=runs/mine/deploy format=events", "what operators did while a policy was deployed"),
        ),
    ),
    "labels export": CommandUse(
        "write labels to a file of another format",
        ("path", "format", "run", "database", "answers", "labelers"),
        (
            ("run=runs/mine path=labels.parquet format=parquet", "questions and answers"),
            ("run=runs/mine path=ask.json format=label-studio answers=false", "questions to be answered elsewhere"),
        ),
    ),
    "reasoned cold-start": CommandUse(
        "write a judge's findings, scores and verdicts, for a model to imitate with TRL's SFTTrainer",
        ("path", "judge", "task", "pictures", "data", "showing", "dimensions", "run", "database"),
        (("run=runs/mine path=cold.jsonl", "what labeler=reasoned said"),),
    ),
    "reasoned sift": CommandUse(
        "write those of a judge's findings that led to the verdict that is known to be right, as for cold-start",
        _SIFTED,
        (("run=runs/mine path=sifted.jsonl judge=student known=ann", "what ann would have said, too"),),
    ),
    "reasoned hard": CommandUse(
        "write what a judge got wrong, for TRL's GRPOTrainer and the reward functions of chain_rewards",
        _SIFTED,
        (("run=runs/mine path=hard.jsonl judge=student known=ann", "questions, and what ann said"),),
    ),
    "reasoned train": CommandUse(
        "make a small judge of recorded steps from the reasons of one labeler and the verdicts of another",
        ("judge", "known", "observes", "training", "data", "run", "database", "seed"),
        (
            ("run=runs/mine judge=reasoned known=ann", "for labeler=reasoned_local"),
            ("run=runs/mine known=ann training.held_out=0.5", "tried on half of the pairs"),
        ),
    ),
    "data inspect": CommandUse(
        "what is in a dataset of any format",
        _READ,
        (("runs/mine/demos.zarr", "arrays, lengths, returns and ends"),),
        paths="PATH",
    ),
    "data convert": CommandUse(
        "write a dataset in another format",
        (*_READ, *_WRITTEN),
        (
            ("lift.hdf5 lift.zarr", "of robomimic into an episode store"),
            ("demos.zarr demos format=lerobot fps=10", "into a dataset of LeRobot"),
        ),
        paths="SRC DST",
    ),
    "data merge": CommandUse(
        "write the episodes of several datasets into one",
        ("attributes", *_READ, *_WRITTEN),
        (("a.zarr b.zarr both.zarr", "what they say of their task has to be the same"),),
        paths="A B [...] DST",
    ),
    "data split": CommandUse(
        "write the episodes of a dataset into two",
        ("fraction", "by", "seed", *_READ, *_WRITTEN),
        (("demos.zarr train.zarr test.zarr fraction=0.8", "four episodes in five into the first"),),
        paths="SRC DST_A DST_B",
    ),
    "data quality": CommandUse(
        "write a page on the quality of a dataset",
        ("report", "saturated", "still", "share", "outlier", "gap", *_READ),
        (("demos.zarr", "beside the data"),),
        paths="PATH",
    ),
    "data similar": CommandUse(
        "list and draw the segments, or episodes, that are most like a given one, by a trained embedding",
        ("model", "to", "length", "most", "report", *_READ),
        (
            ("demos.zarr model=runs/offline to=120", "segments like that in which step 120 is"),
            ("demos.zarr model=runs/offline to=120 length=null", "episodes like that"),
        ),
        paths="PATH",
    ),
    "instruct": CommandUse(
        "make a terse instruction explicit: what was added to it and why, key point by key point",
        (
            "scene",
            "by",
            "run",
            "surely",
            "tries",
            "key_points",
            "path",
            "seed",
            "model",
            "provider",
            "base_url",
            "max_tokens",
            "repairs",
            "requests",
            "usd",
        ),
        (
            ('"put the box away"', "by the tables of the key points, or by the rewriter of the run"),
            ('"put the cup away" scene=[laptop,person]', "where these things are around"),
            ("terse.txt path=explicit.jsonl", "those of a file, one a line"),
            ('"put the box away" by=best run=runs/mine', "the best of several, in simulation"),
            ('"put the box away" by=model model=gpt-4o-mini', "a language model says what is missing"),
        ),
        paths="INSTRUCTION",
    ),
    "cameras": CommandUse(
        "check hand-eye calibrations by what the cameras see, look at it, and write better ones",
        ("clouds", "reach", "voxel", "write", "view", "page", "workspace"),
        (
            ("front.json side.json", "how well their clouds fit"),
            ("front.json side.json write=better view=browser", "write better ones, and look at them"),
        ),
        paths="CALIBRATION [...]",
    ),
}
