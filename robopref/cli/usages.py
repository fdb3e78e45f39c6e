"""What each command is for, which settings it goes by, and how it is usually called; nothing is imported to say so."""

from __future__ import annotations

from robopref.cli.command_use import CommandUse
from robopref.cli.file_usages import FILE_USAGES

_RUN = ("run", "base", "seed", "device", "threads")
_ASKED = ("label", "labeler", "selector", "task", "principle")
_READING = ("data", "read", "geometry")
_DATA = (*_READING, *_RUN)
_FITTED = ("seeds", "observation")

USAGES = {
    "collect": CommandUse(
        "record demonstrations of a task in simulation",
        ("env", "collect", "run", "seed", "workers"),
        (
            ("run=runs/mine", "the task that is chosen by default"),
            ("run=runs/mine env=cloth_fold", "another task"),
            ("run=runs/mine collect.steps=500 seed=1", "more of them"),
        ),
    ),
    "train": CommandUse(
        "what of the following two is not done yet; method=<name> chooses how preferences are learnt",
        (*_READING, "policy", "train", "recipe", "rewards", "use", "filter", *_RUN),
        (
            ("run=runs/mine", "the policy, and once there are answers, the rewards"),
            ("run=runs/mine method=ipo", "learn preferences in another way"),
        ),
        ("labeler", "label.about", "imagine", "embedding", "person", "principle"),
    ),
    "train policy": CommandUse(
        "clone demonstrations, collected or recorded elsewhere, into a diffusion policy",
        (*_READING, "policy", "train", "recipe", *_RUN),
        (
            ("run=runs/mine", "on the demonstrations of the run"),
            ("data=lerobot/my_robot run=runs/mine", "on recordings of any format that data inspect reads"),
            ("data=[a.zarr,b.hdf5] train.weights=[0.7,0.3] policy=observed", "on a mixture of several"),
            ("run=runs/mine policy=noise train.fit.steps=5000", "another kind of policy, trained for longer"),
            ("data=a.zarr run=runs/mine recipe=reward_weighted train.reward=reward_learnt", "better steps more often"),
            ("run=runs/mine train.validation=0.1", "judged by episodes that it is not trained on"),
        ),
    ),
    "label": CommandUse(
        "have a scripted teacher, people, a vision-language model or a metric compare candidate actions",
        (*_ASKED, "brief", *_READING, *_RUN, "workers"),
        (
            ("run=runs/mine", "a scripted teacher answers, from what simulation says"),
            ("data=recordings.hdf5 run=runs/mine labeler=human", "people compare segments of recordings"),
            ("run=runs/mine labeler=human", "people answer, on a page in the browser"),
            ("run=runs/mine label.kind=similarity label.budget=200", "ask which two of three candidates are alike"),
            ("run=runs/mine labeler=vlm labeler.judge.model=gpt-4o-mini budget.usd=5", "a model looks and answers"),
            ("run=runs/mine label.about=segments label.kind=pair", "compare segments of episodes"),
            ("run=runs/mine label.budget=50 selector=information", "50 questions that tell most"),
            ("run=runs/mine labeler=reward label.about=explored", "a trained reward orders what was explored"),
        ),
        ("env", "policy", "rewards", "embedding", "filter", "person"),
    ),
    "explore": CommandUse(
        "carry out candidates of the policy without anybody who judges them, for a reward to order: labeler=reward",
        ("explore", "run", "base", "seed", "device", "threads", "workers"),
        (
            ("run=runs/mine", "in states of the run's task, in simulation"),
            ("run=runs/mine explore.states=1000", "go on, up to so many states"),
        ),
        ("env", "policy", *_READING),
    ),
    "train reward": CommandUse(
        "train explicit and implicit rewards on the answers",
        ("rewards", "filter", *_RUN),
        (
            ("run=runs/mine", "those of the run, on the answers that it has"),
            ("run=runs/mine reward=cpl", "one more, which is then ranked with"),
            ("run=runs/mine reward=outcome", "one that judges what came of an action"),
            ("run=runs/mine reward=embedding", "one that needs few answers, on what robopref train similarity learnt"),
            ("run=runs/mine reward=mixture", "one that knows who answered, and differs by person"),
            ("run=runs/mine reward=principled", "one that a sentence turns, on answers by several principles"),
            ("run=runs/mine method=ipo", "learn preferences in another way"),
            ("run=runs/mine filter=[agreeing]", "from some of the answers"),
        ),
        ("policy", "labeler", "label.about", "env", "workers", "imagine", "embedding", "person", "principle",
         *_READING),
    ),
    "train person": CommandUse(
        "learn what one more person wants from a handful of answers; all else of reward=mixture stays as it is",
        ("person", "rewards", "filter", *_RUN),
        (("run=runs/mine person=ann", "by the answers that ann has given"),),
        ("policy", "embedding", "labeler", "label.about", "env", "workers", *_READING),
    ),
    "train similarity": CommandUse(
        "learn what is alike, from answers of which two of three items are, for reward=embedding and few answers",
        ("embedding", "filter", *_RUN),
        (
            ("run=runs/mine", "on the answers that robopref label label.kind=similarity collected"),
            ("run=runs/mine similarity@embedding.method.objective=odd_one_out", "by their likelihood"),
            ("run=runs/mine embedding=vae", "without answers, by an autoencoder, to compare with"),
        ),
        ("policy", "labeler", "label.about", "env", "workers", *_READING),
    ),
    "train dynamics": CommandUse(
        "learn what becomes of a point cloud under an action, from all that was executed, for dynamics=learnt",
        ("imagine", *_RUN),
        (
            ("run=runs/mine", "on what came of candidates and explored ones, and on what was recorded"),
            ("run=runs/mine imagine.fit.steps=3000", "for longer"),
            ("run=runs/mine imagine.tune.judge=frozen", "with the reward of outcomes as it is"),
        ),
        ("policy", "rewards", "person", "principle", *_READING),
    ),
    "train asker": CommandUse(
        "learn on drawn tasks which typed questions bring new information, for selector=asker",
        ("asker", "run", "seed", "threads"),
        (
            ("run=runs/mine", "in a minute or two, without data or a robot"),
            ("run=runs/mine asker.steps=200 asker.features=5", "for longer, on tasks of as many features as yours"),
        ),
    ),
    "train rewriter": CommandUse(
        "learn by reinforcement what terse instructions leave out, for robopref instruct, with a simulated robot",
        ("rewriter", "run", "seed", "threads"),
        (
            ("run=runs/mine", "in a few minutes, on instructions that are drawn"),
            ("run=runs/mine rewriter.instructions=ours.jsonl", "on instructions of yours, and what was wanted"),
        ),
    ),
    "evaluate": CommandUse(
        "compare action selection on held-out starts",
        ("evaluate", "checkpoint", "use", "person", "principle", "deploy.reward", "ranker", "dynamics",
         "imagine.tuned", "checklist", "inspector", *_RUN, "workers"),
        (
            ("run=runs/mine", "with the reward that `use` names"),
            ("run=runs/mine checkpoint=best", "the policy as it was at its smallest validation loss"),
            ("run=runs/mine use=explicit evaluate.starts=200", "with another reward, on more starts"),
            ("run=runs/mine person=ann", "for one of those who answered, by rewards that know them"),
            ("run=runs/mine principle=gently", "as words want it, or a sentence in quotes, by reward=principled"),
            ("run=runs/mine ranker=look_ahead dynamics=learnt", "looking ahead without simulation"),
            ("run=runs/mine checklist=wishes.yaml", "which share of the points of a checklist is done, one by one"),
            ("run=runs/mine ranker=weighted ranker.rule.weights={explicit:1,implicit:0.3}", "by several rewards"),
        ),
        ("env", "policy", "rewards", "imagine", "embedding", "task", *_READING),
    ),
    "improve": CommandUse(
        "let the policy learn, round by round, from what a trained reward makes of its own candidates",
        ("improve", "evaluate.candidates", "evaluate.steps", "label", "labeler", "selector", "task", "principle",
         *_RUN, "workers"),
        (
            ("run=runs/mine", "two rounds; each leaves a run to evaluate, deploy or improve in runs/mine/rounds"),
            ("run=runs/mine improve.rounds=3", "go on"),
            ("run=runs/mine improve.method=irepo", "learn in another way, beside the first"),
            ("run=runs/mine labeler=human improve.answers=20", "ask people 20 questions in every round"),
        ),
        ("env", "policy", "rewards", "embedding", "filter", "explore", "person", "principle", *_READING),
    ),
    "report": CommandUse(
        "write an HTML report of the evaluation",
        ("report", "run"),
        (
            ("run=runs/mine", "into runs/mine/report.html"),
            ("run=runs/mine report.beside=[runs/half,runs/most]", "with the policies of other runs among its fronts"),
        ),
    ),
    "explain": CommandUse(
        "say what answers, or a trained reward, go by, on a page of hypotheses that were tested",
        ("explain", "proposer", "filter", "person", "principle", "run", "seed"),
        (
            ("run=runs/mine", "what the answers of the run go by"),
            ("run=runs/mine explain.correction=bh", "more of it, of which a twentieth may be wrong"),
            ("run=runs/mine explain.reward=implicit", "what a trained reward has learnt"),
            ("run=runs/mine proposer=model proposer.judge.model=gpt-4o-mini", "a language model proposes"),
        ),
        ("labeler", "rewards", "embedding", "policy", "task", "label.segments.length", *_READING),
    ),
    "offline": CommandUse(
        "learn from recorded episodes: label segments, train a reward, relabel, learn, evaluate; or one of its steps",
        (*_DATA, "seeds", "workers", "observation", "action_bounds", *_ASKED, "filter", "rewards", "use",
         "person", "relabel", "learner", "recipe", "fit", "evaluate", "ranker"),
        (
            ("data=halfcheetah.zarr run=runs/offline", "all steps, a scripted teacher answers"),
            ("data=halfcheetah.zarr evaluate.env=HalfCheetah-v5 iql=locomotion", "and evaluate in a task"),
            ("data=halfcheetah.zarr labeler=human", "people answer"),
        ),
        ("embedding",),
    ),
    "offline label": CommandUse(
        "have segments of recorded episodes compared",
        (*_DATA, *_ASKED),
        (
            ("data=halfcheetah.zarr run=runs/offline", "a scripted teacher adds up the recorded reward"),
            ("data=halfcheetah.zarr run=runs/offline labeler=human", "people answer, on a page in the browser"),
        ),
        ("observation",),
    ),
    "offline reward": CommandUse(
        "train rewards on what was said of segments",
        (*_DATA, "observation", "rewards", "use", "person", "principle", "filter"),
        (
            ("data=halfcheetah.zarr run=runs/offline", "on the answers of the run"),
            ("data=halfcheetah.zarr run=runs/offline rewards.segment.fit.steps=5000", "for longer"),
        ),
        ("labeler", "embedding"),
    ),
    "offline grades": CommandUse(
        "grade rollouts with a trained reward=ordinal, and compare the grades with known ratings",
        (*_DATA, "grades", "use", "filter"),
        (
            ("data=rollouts.zarr run=runs/graded", "of every episode, and of what was rated"),
            ("data=others.zarr run=runs/graded grades.policies=quality", "of other data, by who acted"),
        ),
        ("labeler", "rewards", "observation"),
    ),
    "offline person": CommandUse(
        "learn what one more person wants of segments; all else of reward=mixture stays as it is",
        (*_DATA, "observation", "person", "rewards", "filter"),
        (("data=halfcheetah.zarr run=runs/offline person=ann", "by the answers that ann has given"),),
        ("labeler", "embedding"),
    ),
    "offline similarity": CommandUse(
        "learn which segments are alike, for reward=embedding and few answers",
        (*_DATA, "observation", "embedding", "filter"),
        (
            ("data=halfcheetah.zarr run=runs/offline", "on answers to offline label label.kind=similarity"),
            ("data=halfcheetah.zarr run=runs/offline embedding=vae", "without answers, to compare with"),
        ),
        ("labeler", "label.segments.length"),
    ),
    "relabel": CommandUse(
        "give recorded episodes a learnt reward, as one more array",
        ("relabel", "use", "person", "principle", *_DATA, "workers", "label.segments", "label.truth"),
        (
            ("data=halfcheetah.zarr run=runs/offline", "with the reward of the run"),
            ("data=halfcheetah.zarr relabel.model=runs/mine relabel.use=implicit", "with one of `robopref train`"),
            ("data=halfcheetah.zarr person=ann relabel.name=ann", "as ann would have it, by a reward that knows ann"),
        ),
        ("rewards", "embedding", "observation"),
    ),
    "offline train": CommandUse(
        "learn a policy from recorded episodes",
        (*_DATA, *_FITTED, "action_bounds", "reward_key", "learner", "recipe", "fit"),
        (
            ("data=halfcheetah.zarr reward_key=reward_learnt", "by IQL, from the learnt reward"),
            ("data=halfcheetah.zarr learner=idql seeds=3", "by IDQL, three policies"),
        ),
    ),
    "offline evaluate": CommandUse(
        "let policies that were learnt offline act in a task",
        ("evaluate", "learner", "ranker", *_FITTED, *_RUN),
        (("run=runs/offline evaluate.env=HalfCheetah-v5", "in a task of gymnasium"),),
    ),
    "offline explain": CommandUse(
        "the same of answers about recorded episodes, or of a reward that was trained on them",
        (*_READING, "explain", "proposer", "filter", "person", "principle", "run", "seed"),
        (
            ("data=halfcheetah.zarr run=runs/offline", "what the answers of the run go by"),
            ("data=halfcheetah.zarr run=runs/offline explain.reward=segment", "what the reward has learnt"),
        ),
        ("labeler", "rewards", "embedding", "observation", "label.segments.length", "task"),
    ),
    "online": CommandUse(
        "train an agent against a learnt reward, asking for preferences on the way, or from demonstrations",
        ("env", "environment", "make", *_READING, "practice", "observation", "agent", "steps",
         "first", "every", "rounds", "label", "labeler",
         "selector", "task", "filter", "rewards", "use", "person", "model", "zero", "evaluate", *_RUN),
        (
            ("environment=Pendulum-v1 run=runs/online", "a scripted teacher answers, by the reward of the task"),
            ("environment=Pendulum-v1 labeler=human +make.render_mode=rgb_array", "people answer"),
            ("environment=<id> reward=implicit_process", "nobody answers: by which rollouts succeed, see "
             "docs/online_process.md"),
            ("agent=world_model env=planar_push data=runs/push/demos.zarr", "practise what was demonstrated, safely"),
        ),
    ),
    "online collect": CommandUse(
        "let an agent make behaviour data of several qualities, for robopref offline",
        ("env", "environment", "make", "task", "observation", "agent", "steps", "zero", "collect", "evaluate", *_RUN),
        (("environment=Pendulum-v1 run=runs/online", "into an episode store each"),),
    ),
    "deploy": CommandUse(
        "let a reward choose among the policy's actions on a robot: simulated, or a dry run if not told to",
        ("robot", "safety", "deploy", "checkpoint", "ranker", "dynamics", "imagine.tuned", "use", "person",
         "principle", "task",
         *_RUN, "workers"),
        (
            ("run=runs/mine", "on the simulated robot of the task"),
            ("run=runs/mine deploy.view=browser", "watched on a page"),
            ("run=runs/mine reward=outcome ranker=look_ahead", "trying the best candidates out in simulation first"),
            ("run=runs/mine reward=outcome dynamics=learnt", "judging imagined outcomes of all candidates"),
            ("run=runs/mine robot=replay", "a recording in place of a robot"),
        ),
        ("env", "policy", "rewards", "imagine", "embedding", *_READING),
    ),
    "export": CommandUse(
        "write policy and reward for small computers, and check that they still say the same",
        ("export", "checkpoint", "deploy.reward", "deploy.candidates", "ranker", "use", "person", "principle", *_RUN),
        (("run=runs/mine", "for torch.export"), ("run=runs/mine export.format=onnx", "for onnxruntime")),
        ("policy", "rewards", "embedding", *_READING),
    ),
    **FILE_USAGES,
    "demo": CommandUse(
        "all of these, on small settings",
        ("run", "base", "use", "seed", "device", "threads", "workers", "task", "env", "collect", "policy", "train",
         "recipe", "label", "labeler", "selector", "filter", "rewards", "evaluate", "ranker", "dynamics",
         "deploy.reward", "checklist", "inspector", "person", "principle", "report", *_READING),
        (("", "the whole loop in a few minutes"), ("run=runs/drawer env=drawer_open", "in another task")),
    ),
    "settings": CommandUse(
        "what a run folder remembers, or forget a setting with those below it",
        (),
        (("run=runs/mine", "show them"), ("run=runs/mine forget=labeler", "forget some")),
    ),
    "info": CommandUse("versions and devices, for bug reports", (), (("", "print them"),)),
}  # fmt: skip

_WIDTH, _INDENT = 100, 22
_ENDING = """\
Commands with the same run=<folder> build on each other, and resume where they were stopped.
Settings given once are remembered in the run folder.
What a command uses, and how it is usually called: robopref <command> --help
The version is said by: robopref --version
"""


def overview() -> str:
    """What `robopref --help` prints."""
    lines = ["robopref <command> [name=value ...]", ""]
    for command, usage in USAGES.items():
        words, line = usage.said.split(), f"  {command:<{_INDENT - 2}}"
        for word in words:
            if len(line) + len(word) > _WIDTH:
                lines.append(line.rstrip())
                line = " " * _INDENT
            line += f"{word} "
        lines.append(line.rstrip())
    return "\n".join([*lines, "", _ENDING])
