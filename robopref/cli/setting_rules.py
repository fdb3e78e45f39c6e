"""What each setting of the shipped parts may be, by the last names of it; see `robopref.cli.parameters` for others."""

from __future__ import annotations

from robopref.cli.value_rules import (
    ANYTHING,
    ARRAY,
    COUNT,
    FINITE,
    FLAG,
    GEOMETRY,
    INDEX,
    NAMES,
    NUMBERS,
    PART,
    POINT,
    POSITIVE,
    SECTION,
    SHARE,
    TEXT,
    WORD,
    Rule,
    choice,
    either,
    listed,
    named,
    number,
    optional,
    shares,
    whole,
)

_PORT = whole(0, 65535)
_NOISE = either((number(0, 0.5, below=True), choice("estimated")))
_SEED = whole(0, 2**31 - 1)
_SIZE = whole(1, 1_000_000)
_WIDTH = whole(1, 65536)
_WIDTHS = listed(_WIDTH, "a list of whole numbers of at least 1")
_PATH = optional(TEXT)
_WHO = listed(TEXT, "a list of names", 1)
_FEATURES = listed(TEXT, "a list of names, such as [points, path]", 1)
_NOT_NEGATIVE = number(0)
_FEATURE = either((TEXT, SECTION))
_KIND = choice("ranking", "pair", "rating", "similarity", "feature", "threshold")
_KINDS = either((_KIND, listed(_KIND, "a list of these, such as [pair, feature]", 1)))
_JOINTS = optional(NUMBERS)
_COLUMNS = Rule(
    "a name, or a list of names", lambda value: TEXT.read(value) if isinstance(value, str) else NAMES.read(value), True
)

_PERSON = optional(
    Rule(
        "a name, a list of names such as [ann,bob], or positive shares by name such as {ann: 0.7, bob: 0.3}",
        lambda value: (shares(None) if isinstance(value, dict) else _WHO if isinstance(value, list) else TEXT).read(
            value
        ),
    )
)
_BOUNDS = optional(
    listed(
        Rule("", lambda value: (NUMBERS if isinstance(value, list) else number()).read(value)),
        "[lower, upper], each a number or a list of numbers", 2, 2,
    )
)  # fmt: skip
_CAMERAS = listed(PART, "a list of cameras, such as [{_target_: my_cameras.Front, _partial_: true}]", 1)

# Rules by the last names of a setting; of several that fit, the one with the most names holds.
# Class:setting is of that class alone.
_COMMON: dict[str, Rule] = {
    # every command
    "run": TEXT, "base": _PATH, "use": TEXT, "person": _PERSON, "task": _PATH, "principle": _PATH,
    "seed": _SEED, "device": TEXT, "threads": optional(whole(1, 1024)),
    "workers": whole(0, 1024),
    # training
    "fit": SECTION, "fit.steps": COUNT, "learning_rate": number(0, 1000, above=True), "weight_decay": number(0, 1000),
    "warmup": SHARE, "clip_norm": POSITIVE, "ema": number(0, 1, below=True), "log_every": COUNT, "save_every": COUNT,
    "schedule": choice("cosine", "constant"), "warmup_steps": COUNT,
    "precision": choice("float32", "bfloat16"), "batch_size": _SIZE, "dropout": number(0, 1, below=True),
    "fit.hidden": _WIDTHS, "fit.encoder": _WIDTHS,
    "normalize": FLAG, "draws": COUNT, "points": _SIZE, "width": _WIDTH, "hidden": _WIDTH, "members": whole(1, 1000),
    "deploy.temperature": number(0, 100), "deploy.scene": _PATH,
    # labels
    "explore.candidates": whole(2), "label": SECTION, "label.show": choice("action", "outcome"),
    "about": optional(choice("candidates", "explored", "segments")),
    "states": COUNT, "candidates": COUNT,
    "kind": _KINDS, "label.features": optional(either((listed(TEXT, "a list of features", 1), named(_FEATURE)))),
    "label.features.*": _FEATURE, "label.features.*.*": either((FINITE, TEXT)),
    "demonstrated": FLAG, "label.budget": optional(COUNT),
    "warm_up": INDEX, "segments": SECTION, "length": COUNT, "count": COUNT, "truth": TEXT,
    # who asks
    "brief": _PATH,
    "asker": SECTION, "asker.steps": COUNT, "asker.tasks": COUNT, "asker.group": whole(2), "asker.questions": COUNT,
    "asker.pairs": INDEX, "asker.features": whole(2, 1000), "asker.masked": number(0, 1, above=True),
    "asker.cost": _NOT_NEGATIVE, "asker.entropy": _NOT_NEGATIVE, "asker.draws": whole(2, 1_000_000),
    "rewriter": SECTION, "rewriter.instructions": _PATH, "rewriter.steps": COUNT, "rewriter.shown": COUNT,
    "rewriter.imitated": INDEX, "rewriter.cases": COUNT,
    "rewriter.group": whole(2), "rewriter.price": _NOT_NEGATIVE, "rewriter.others": SHARE,
    "rewriter.entropy": _NOT_NEGATIVE, "rewriter.rollouts": COUNT, "rewriter.evaluator_steps": COUNT,
    # recordings
    "data": _COLUMNS, "geometry": GEOMETRY, "geometry.*": ANYTHING, "read": SECTION, "read.format": _PATH,
    "read.names": SECTION, "read.names.*": _COLUMNS, "drop": NAMES, "fill": NAMES, "mask": WORD,
    "colours": FLAG, "read.max_steps": optional(COUNT),
    # who answers
    "labeler": PART, "labeler.name": TEXT, "labeler.workers": whole(1, 1024),
    "rationality": number(0, above=True, endless=True),
    "mistake": SHARE, "skip": number(endless=True), "equal": _NOT_NEGATIVE, "myopia": number(0, 1, above=True),
    "scale": POSITIVE,
    "annotator": _PATH, "terminal": FLAG, "host": TEXT, "port": _PORT, "annotators": NAMES,
    "tokens": _PATH,
    "replicates": COUNT, "lease": POSITIVE, "repeats": number(0, 0.5), "checks": number(0, 0.5), "clips": FLAG,
    "levels": whole(2, 9), "database": _PATH, "metric": optional(PART), "gap": _NOT_NEGATIVE,
    "controls": optional(SECTION),
    "MeasuredSettings:measure": _PATH, "MeasuredSettings:over": choice("mean", "max", "last", "sum"),
    "MeasuredSettings:better": choice("more", "less"), "MeasuredSettings:scale": optional(POSITIVE),
    "tolerance": _NOT_NEGATIVE, "matched": FLAG, "most": COUNT, "radius": POSITIVE, "equals": number(-1e9, 1e9),
    "features": _FEATURES,
    "demonstrations": _PATH, "surest": number(0, 1, above=True), "errors": COUNT, "cache": _PATH,
    "judge": PART, "judge.model": _PATH, "provider": choice("openai", "google", "anthropic"), "base_url": _PATH,
    "output": choice("auto", "native", "prompted", "tool"), "judge.temperature": optional(number(0, 100)),
    "LocalJudge:temperature": number(0, 100),
    "max_tokens": COUNT, "timeout": POSITIVE, "input_price": optional(_NOT_NEGATIVE),
    "output_price": optional(_NOT_NEGATIVE), "top_logprobs": whole(0, 20),
    "judge.path": _PATH,
    "manner": PART, "manner.dimensions": SECTION, "manner.dimensions.*": optional(TEXT),
    "stages": choice("two_stage", "one_stage"), "orders": choice("both", "given"),
    "disagreement": choice("abstain", "soft"), "samples": COUNT, "repairs": INDEX,
    "showing": PART, "layout": choice("images", "grid", "clip"), "frames": whole(1, 1000), "size": whole(8, 65536),
    "patience": PART, "attempts": COUNT, "wait": _NOT_NEGATIVE, "patience.longest": _NOT_NEGATIVE,
    "labeler.budget": SECTION, "requests": optional(INDEX), "usd": optional(_NOT_NEGATIVE),
    "selector": PART, "measure": PART,
    # which answers count
    "filter": SECTION, "filter.*": optional(PART),
    "by_labeler.names": listed(TEXT, "a list of names, such as [ann,bob]", 1), "confident.least": SHARE,
    "unhurried.seconds": POSITIVE, "recent.days": POSITIVE, "contradicted": choice("majority", "none"),
    "peer_review.noise": _NOISE, "peer_doubt.noise": _NOISE, "ramp": number(0, 1, above=True),
    "noise_aware.alpha": number(0, 0.5), "noise_aware.share": number(0, 1, below=True),
    "noise_aware.begin": number(0, 1, below=True),
    # what answers go by
    "explain": SECTION, "explain.reward": _PATH, "explain.source": _PATH, "explain.quantities": optional(named(TEXT)),
    "explain.quantities.*": TEXT, "rubric": NAMES, "presentation": NAMES,
    "level": number(0, 1, above=True, below=True), "correction": choice("bonferroni", "bh"),
    "explain.held_out": number(0, 1, above=True, below=True), "explain.pairs": COUNT, "explain.examples": COUNT,
    "checklist": _PATH, "inspector": PART, "inspector.budget": SECTION,
    "proposer": PART, "proposer.name": TEXT, "proposer.rounds": COUNT, "proposer.examples": COUNT,
    "GrammarProposer:features": optional(listed(TEXT, "a list of features", 1)),
    "prior": number(0, 1, above=True, below=True), "grammar": FLAG, "proposer.budget": SECTION,
    # rewards and objectives
    "rewards": SECTION, "rewards.*": SECTION,
    "observes": optional(listed(TEXT, "a list of names of arrays, such as [state]", 1)), "action": FLAG,
    "try_prototypes": optional(listed(COUNT, "a list of whole numbers of at least 1, such as [1,2,3]", 1)),
    "embedding": SECTION, "embedding.network": PART, "network.size": whole(1, 65536), "embedding.method": PART,
    "head_width": optional(_WIDTH), "symmetric": FLAG, "odd_one_out:temperature": POSITIVE,
    "scorer.prototypes": whole(1, 1000), "scorer.variant": choice("A", "B"),
    "sentences": choice("words", "minilm", "carried"), "scorer.size": whole(1, 65536),
    "new_person": SECTION, "new_person.steps": COUNT,
    "learn_from": choice("given", "self_made", "all"),
    "held_out": number(0, 1, below=True),
    "cuts": optional(listed(COUNT, "a list of lengths in steps, such as [25, 35, 50]", 1)),
    "encoder": PART, "scorer.encoder": optional(PART),
    "scorer.history": optional(PART), "history.length": COUNT, "channels": _WIDTHS, "side": whole(1, 65536),
    "widths": _WIDTHS, "heads": whole(1, 1024), "layers": whole(1, 1024), "weighted": FLAG,
    "scorer": PART, "operator": optional(PART), "train_draws": optional(PART), "objective": PART,
    "scorer.draws": PART,
    "reward.draws": PART, "scorer.reward": PART, "weighting": PART, "beta": POSITIVE,
    "cost": choice("energy", "error"),
    "reference": optional(choice("frozen")), "upper": COUNT, "lower": INDEX, "scorer.steps": COUNT,
    "timesteps": listed(INDEX, "a list of whole numbers that are not negative", 1), "operator.temperature": POSITIVE,
    "top": COUNT,
    "bias": number(0, 1, above=True), "clip": number(0, 0.5, above=True, below=True), "desirable": POSITIVE,
    "undesirable": POSITIVE,
    "distance": POSITIVE, "divergence": TEXT, "flip": number(0, 0.5, below=True), "margin": POSITIVE,
    "over": choice("preferred", "all"), "sign": choice(-1, 1), "strength": _NOT_NEGATIVE,
    "relative_preference:temperature": POSITIVE, "relative_utility:temperature": POSITIVE,
    "ties": number(0, 1, above=True, below=True), "objective.weight": number(0, 1, above=True),
    "Weighted:weights": optional(named(FINITE)), "rule.weights.*": FINITE,
    "Weighted:features": optional(named(TEXT)), "rule.features.*": TEXT,
    "ranker": PART, "rule": PART, "rule.weight": _NOT_NEGATIVE,
    "margins": optional(SECTION), "margins.*": _NOT_NEGATIVE,
    "scorer.head": PART, "head.dimensions": listed(TEXT, "a list of names, such as [arrival,impact]", 1),
    "scorer.levels": whole(3, 9), "scorer.rate": POSITIVE, "objective.samples": whole(2), "objective.reward": PART,
    "scorer.course": FLAG, "scorer.noise": _NOT_NEGATIVE,
    "objective.entropy": _NOT_NEGATIVE, "sharpness": POSITIVE,
    "grades": SECTION, "grades.policies": _PATH, "grades.success": number(1, 9),
    "labelers": optional(listed(TEXT, "a list of names of labelers, such as [force]", 1)), "rule.temperature": POSITIVE,
    "LookAhead:keep": COUNT, "beams": COUNT, "BeamSearch:depth": COUNT, "BeamSearch:candidates": COUNT,
    "BeamSearch:judge": PART,
    "ranker.scorer": optional(TEXT), "before": FLAG,
    # rewards that learn while an agent acts
    "begin": SECTION, "begin.path": _PATH, "online": PART, "online.advantage": PART, "online.watch": PART,
    "online.starts": COUNT, "online.rollouts": COUNT, "online.least": optional(number()),
    "online.weight": _NOT_NEGATIVE, "online.refresh": FLAG, "online.first": INDEX, "online.memory": COUNT,
    "online.passes": COUNT, "watch.window": COUNT, "watch.drop": number(0, 1, above=True, below=True),
    "advantage.discount": SHARE, "advantage.trace": SHARE,
    # world models
    "AgreedPlans:spread": POSITIVE, "AgreedPlans:samples": COUNT,
    "AgreedPlans:doubt": _NOT_NEGATIVE, "LowerBound:members": whole(2, 1000), "LowerBound:pessimism": _NOT_NEGATIVE,
    "LowerBound:discount": number(0, 1, below=True), "PlannedPolicy:agent": _PATH,
    "PlannedPolicy:horizon": optional(whole(1, 10000)), "PlannedPolicy:plans": optional(PART),
    "PlannedPolicy:value": optional(PART),
    "practised_dynamics:agent": _PATH, "TrainedAsker:path": TEXT, "SmallJudge:path": _PATH, "SmallJudge:soft": FLAG,
    "RewardLabeler:reward": _PATH, "RewardLabeler:soft": FLAG, "share_equal:array": TEXT, "WordedSettings:said": _PATH,
    "MetricSettings:better": choice("more", "less"), "MetricSettings:guards": optional(named(PART)),
    "ImplicitProcessReward.for_items:hidden": _WIDTHS,
    # rewards before learning
    "recipe": optional(PART), "recipe.scale": optional(POSITIVE), "shift": number(), "tail": number(0, 1, below=True),
    "RewardWeighted:temperature": POSITIVE, "RewardWeighted:clip": POSITIVE,
    "RewardWeighted:discount": number(0, 1, above=True), "RewardWeighted:steps": optional(COUNT),
    "baseline": choice("step", "all"), "kappa": _NOT_NEGATIVE, "ProgressWeighted:steps": COUNT,
    # pages
    "page": SECTION, "open": FLAG,
}  # fmt: skip

_LOOP: dict[str, Rule] = {
    "use": Rule("the name of a reward (for none, the policy's own sample: deploy.reward=null)", TEXT.read),
    "env": PART, "env.id": TEXT, "task.id": TEXT, "max_steps": COUNT, "quality": TEXT, "options": optional(SECTION),
    "env.options.points": FLAG, "robot.task.options.points": FLAG,
    "options.fold": TEXT, "options.motion": TEXT, "options.target": TEXT, "options.name": TEXT, "hold": COUNT,
    "contact": FLAG, "gentle": POSITIVE, "hard": POSITIVE, "farthest": POSITIVE,
    **dict.fromkeys(("success_distance", "success_opening", "success_angle"), POSITIVE), "weights": NUMBERS,
    "collect": SECTION, "collect.steps": COUNT, "mixture": optional(shares(None)),
    "truth": _PATH, "segments.length": optional(COUNT), "label.alike": optional(_FEATURES),
    "train": SECTION, "train.weights": optional(NUMBERS), "train.reward": TEXT,
    "train.validation": optional(number(0, 1, above=True, below=True)), "checkpoints": SECTION,
    "checkpoints.every": COUNT, "checkpoints.keep": COUNT, "checkpoints.weights": choice("last", "best"),
    "policy": PART, "horizon": whole(1, 10000), "nodes": _SIZE, "train_steps": whole(1, 100000),
    "sample_steps": whole(1, 100000), "policy.temperature": number(0, 1000, above=True, below=True),
    "policy.likeliest": COUNT,
    "denoiser": PART, "depth": whole(0, 1000),
    "policy.history": whole(1, 1000),
    "policy.observation": optional(listed(TEXT, "a list of names, such as [image,proprio]", 1)),
    "PartsEncoder:layers": _WIDTHS, "PartsEncoder:shift": whole(0, 65536),
    "PartsEncoder:background": optional(number(0, 1, above=True, below=True)),
    "explore": SECTION, "explore.first": INDEX,
    "improve": SECTION, "improve.rounds": whole(1, 1000), "improve.method": TEXT, "improve.judge": optional(TEXT),
    "improve.own": FLAG, "improve.states": COUNT, "improve.candidates": whole(2), "improve.answers": INDEX,
    "improve.real": number(0, 1, below=True), "distil": FLAG, "improve.starts": whole(2),
    "sharpen": SECTION, "sharpen.states": INDEX, "sharpen.candidates": whole(2),
    "imitate": SECTION, "imitate.steps": COUNT, "compare": SECTION,
    "compare.steps": optional(COUNT), "compare.batch_size": optional(_SIZE), "compare.draws": optional(COUNT),
    "compare.learning_rate": optional(number(0, 1000, above=True)), "improve.stop": SECTION,
    "stop.entropy": optional(_NOT_NEGATIVE), "stop.agreement": optional(SHARE),
    "stop.distance": optional(_NOT_NEGATIVE), "stop.fall": optional(SHARE),
    "stop.watched": optional(SHARE),
    "dynamics": PART, "imagine": SECTION, "imagine.tuned": optional(FLAG), "imagine.held_out": number(0, 1, below=True),
    "tune": SECTION, "tune.reward": optional(TEXT), "tune.judge": choice("tuned", "frozen"),
    "tune.temperature": POSITIVE, "tune.cloud": _NOT_NEGATIVE, "begin_with": optional(choice("dynamics", "similarity")),
    "evaluate": SECTION, "evaluate.starts": COUNT, "guidance": _NOT_NEGATIVE, "episodes": COUNT,
    "evaluate.steps": COUNT, "evaluate.elsewhere": optional(SECTION), "evaluate.elsewhere.*": ANYTHING,
    "measures": optional(SECTION), "measures.*": TEXT, "report": SECTION,
    "report.beside": optional(listed(TEXT, "a list of run folders, such as [runs/half, runs/most]", 1)),
    "execute": optional(COUNT), "export": SECTION, "export.format": choice("torch", "onnx"),
    "checkpoint": _PATH,
    "deploy": SECTION, "deploy.reward": _PATH, "send": FLAG, "deploy.operator": _PATH, "commands": optional(COUNT),
    "seconds": optional(POSITIVE), "automatic": FLAG, "deploy.control": FLAG,
    "view": choice("terminal", "browser", "none"),
    "pace": SECTION, "pace.steps": COUNT, "deadline": POSITIVE, "late": choice("hold", "continue"), "stale": POSITIVE,
    "history": COUNT, "pace.history": optional(COUNT), "ask": FLAG,
    "ReplayRobot:read": optional(SECTION),
    "robot": PART, "robot.task": PART, "robot.path": TEXT, "episode": INDEX, "rate": POSITIVE,
    "longest": _NOT_NEGATIVE,
    "actions": PART, "actions.path": TEXT, "actions.lower": NUMBERS, "actions.upper": NUMBERS, "cameras": _CAMERAS,
    "calibrations": NAMES, "cell": PART, "cell.lower": optional(POINT), "cell.upper": optional(POINT),
    "voxel": optional(POSITIVE), "oriented": FLAG, "proprio": NAMES, "home": _JOINTS,
    "home_speed": POSITIVE,
    "robot.dynamics": number(0, 1, above=True), "realtime": FLAG, "joints": NAMES, "deadman": optional(POSITIVE),
    "ur_process:deadman": POSITIVE, "lerobot_robot:deadman": POSITIVE,
    "frequency": POSITIVE, "robot.speed": POSITIVE, "robot.acceleration": POSITIVE, "ros": choice(1, 2),
    "robot.points": whole(0, 1000), "primitive": FLAG, "joint_names": NAMES, "topics": PART, "topics.command": TEXT,
    "stop": TEXT, "reset": _PATH, "pose": TEXT, "done": TEXT, "topics.joints": _PATH, "wrench": _PATH, "gripper": _PATH,
    "gripper_command": _PATH, "topics.proprio": _PATH, "topics.clouds": NAMES,
    "safety": PART, "workspace": optional(PART), "workspace.lower": POINT, "workspace.upper": POINT,
    "keep_out": ANYTHING,
    "clearance": optional(number()), "cone": optional(PART), "axis": POINT, "angle": number(0, 3.1416, above=True),
    "clamps": COUNT, "hold_after": POSITIVE, "stop_after": POSITIVE,
    **dict.fromkeys(
        (
            "turn", "turn_step", "step", "speed", "acceleration", "jerk", "force", "torque", "age", "frozen",
            "joint_speed", "joint_acceleration", "joint_step", "gripper_speed",
        ),
        optional(POSITIVE),
    ),
    "joint_lower": _JOINTS, "joint_upper": _JOINTS,
}  # fmt: skip

_STEPS: dict[str, Rule] = {
    "observation": listed(TEXT, "a list of names of arrays, such as [state]", 1),
    "evaluate": SECTION, "episodes": COUNT, "make": PART, "make.id": _PATH, "make.*": ANYTHING,
}  # fmt: skip

RULES: dict[str, dict[str, Rule]] = {
    "config": _COMMON | _LOOP,
    "offline": _COMMON | _STEPS | {
        "label.kind": choice("pair", "similarity", "rating"), "segments.length": optional(COUNT),
        "label.alike": optional(_FEATURES),
        "seeds": whole(1, 10000), "workers": optional(whole(1, 1024)), "reward_key": TEXT,
        "action_bounds": _BOUNDS,
        "relabel": SECTION, "relabel.name": ARRAY, "relabel.model": _PATH, "relabel.use": _PATH,
        "pessimism": _NOT_NEGATIVE, "pairs": INDEX,
        "evaluate.env": _PATH, "learner": SECTION, "learner.name": TEXT, "ranked": FLAG, "method": PART,
        "method.settings": PART, "best": number(0, 1, above=True), "method.levels": whole(1, 100000),
        "method.steps": COUNT,
        "expectile": number(0, 1, above=True, below=True), "settings.temperature": _NOT_NEGATIVE, "discount": SHARE,
        "target_rate": number(0, 1, above=True), "largest_weight": POSITIVE, "critics": whole(1, 1000), "actor": FLAG,
    },
    "online": _COMMON | _STEPS | {
        "environment": _PATH, "steps": COUNT, "collect": SECTION, "qualities": optional(shares(1.0)), "model": _PATH,
        "zero": choice("mean", "best", "worst"), "first": COUNT, "every": COUNT, "rounds": COUNT,
        "env": optional(PART), "practice": SECTION, "practice.reward": choice("success", "task"),
        "practice.filter": FLAG, "practice.every": COUNT, "practice.film": FLAG,
        "agent": PART, "agent.policy": TEXT, "n_steps": whole(2), "agent.batch_size": whole(2, 1_000_000),
        "gamma": SHARE,
        "centering": optional(PART), "handover": optional(PART), "ensemble": optional(PART), "learning": PART,
        "Handover:first": INDEX, "Handover:last": COUNT, "Handover:most": number(0, 1, above=True),
        "Handover:dwell": optional(COUNT), "learning.horizon": COUNT,
        **dict.fromkeys(("later", "consistency", "judged", "imitation", "updates"), POSITIVE),
        **dict.fromkeys(("cloning", "seeding", "pretraining", "planning"), COUNT), "latent": _WIDTH,
        "noise": number(0, 1, above=True), "returns": SHARE,
        "demonstrated": listed(SHARE, "two shares from 0 to 1, such as [0.75, 0.25]", 2, 2),
        "buffer_size": whole(1, 100_000_000), "learning_starts": INDEX, "train_freq": COUNT,
    },
    "data": {
        "from": _PATH, "format": _PATH, "names": SECTION, "names.*": _COLUMNS, "rename": SECTION,
        "rename.*": _COLUMNS,
        "drop": NAMES, "fill": NAMES, "fps": optional(COUNT), "pictures": choice("png", "video"),
        "final": choice("refuse", "repeat"), "max_steps": optional(COUNT), "mask": WORD, "colours": FLAG,
        "progress": optional(TEXT), "attributes": choice("same", "first"),
        "fraction": number(0, 1, above=True, below=True), "by": choice("episode", "order"), "seed": _SEED,
        "report": _PATH,
        "model": _PATH, "to": INDEX, "length": optional(COUNT), "most": COUNT,
        "saturated": POSITIVE, "still": _NOT_NEGATIVE, "share": SHARE, "outlier": POSITIVE, "gap": POSITIVE,
    },
    "labels": {
        "run": TEXT, "database": _PATH, "known": TEXT, "floor": _NOT_NEGATIVE, "path": _PATH, "format": TEXT,
        "source": WORD, "labeler": TEXT, "length": optional(COUNT),
        "answers": FLAG, "labelers": NAMES,
        "traces": SECTION, "correct": FLAG, "clip": number(1), "fastest": _NOT_NEGATIVE, "slowest": POSITIVE,
        "discount": SHARE, "pairs": COUNT,
    },
    "reasoned": {
        "run": TEXT, "database": _PATH, "path": _PATH, "judge": TEXT, "known": TEXT, "task": _PATH, "pictures": FLAG,
        "data": _PATH, "showing": SECTION, "layout": choice("images", "grid", "clip"), "frames": whole(1, 1000),
        "size": whole(8, 65536), "dimensions": named(TEXT), "dimensions.*": TEXT,
        "observes": optional(NAMES), "training": SECTION, **dict.fromkeys(("cold", "sifted", "hard", "rounds"), COUNT),
        "chains": COUNT, "width": COUNT, "held_out": SHARE, "seed": _SEED,
    },
    "instruct": {
        "scene": NAMES, "by": optional(choice("rules", "trained", "best", "model")), "run": TEXT, "surely": SHARE,
        "tries": whole(1, 10_000), "key_points": NAMES, "path": _PATH, "seed": _SEED, "model": _PATH,
        "provider": choice("openai", "google", "anthropic"), "base_url": _PATH, "max_tokens": COUNT, "repairs": INDEX,
        "requests": optional(INDEX), "usd": optional(_NOT_NEGATIVE),
    },
    "cameras": {
        "clouds": NAMES, "reach": POSITIVE, "voxel": POSITIVE, "write": _PATH, "view": choice("none", "browser"),
        "page": SECTION, "port": _PORT, "open": FLAG, "workspace": SECTION, "lower": optional(POINT),
        "upper": optional(POINT),
    },
}  # fmt: skip
RULES["demo"] = RULES["config"]
