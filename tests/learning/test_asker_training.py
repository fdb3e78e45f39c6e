import numpy as np
import pytest
import torch

from robopref.errors import ConfigError, DataError, MismatchError
from robopref.learning.asker_training import (
    AskerTraining,
    AskingConfig,
    TrainedAsker,
    train_asker,
)
from robopref.learning.asking_rounds import masked_density, training_features
from robopref.learning.checkpoint import save_checkpoint
from robopref.querying.asking_policy import SEEN, AskingPolicy, question_features
from robopref.querying.briefs import Brief, KnownFeature
from robopref.querying.masked_tasks import mask_task
from robopref.querying.question_value import QuestionValue
from robopref.querying.selectors.asker import AskerSelector
from robopref.rewards.answer_likelihood import TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.rewards.weight_belief import WeightBelief
from tests.querying.selectors.test_typed import POOL, known

SECONDS = {"pair": 6.0, "feature": 4.0, "threshold": 7.0}
SMALL = AskingConfig(steps=2, tasks=1, group=2, questions=2, pairs=2, features=4, draws=16, log_every=1, save_every=1)
PLAIN = NamedFeatures.standard(["one", "two"])


def test_what_is_masked_gets_likelier_by_hand():
    # Draws of mean 1 and spread 2 for a truth of 3: -0.5 * (2 / 2)^2 - log 2.
    task = mask_task(LinearRewards(PLAIN, np.array([[3.0, 7.0]]), np.zeros((1, 2))), ["one"])
    belief = WeightBelief.before(task.brief.prior(PLAIN), draws=2, rng=np.random.default_rng(0))
    belief.drawn[:, 0] = [-1, 3]
    assert masked_density(belief, task) == pytest.approx(-0.5 - np.log(2))


def test_what_the_policy_sees_of_a_question():
    brief = Brief(features={"one": KnownFeature(effect=1.0)})
    belief = WeightBelief.before(brief.prior(PLAIN), rng=np.random.default_rng(0))
    value = QuestionValue(belief, brief, SECONDS, frozenset({("feature", 1)}))
    about = [TypedQuestion("feature", np.zeros((0, 2)), place) for place in range(2)]
    pair = TypedQuestion("pair", np.array([[1.0, 0.0], [0.0, 0.0]]))
    seen = question_features(value, [*about, pair], np.random.default_rng(0))
    columns = {name: seen[:, place] for place, name in enumerate(SEEN)}
    assert columns["told"].tolist() == [1, 0, 0]
    assert columns["asked"].tolist() == [0, 1, 0]
    assert columns["pair"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(columns["seconds"], [0.4, 0.4, 0.6])
    assert columns["open"][2] == pytest.approx(0, abs=1e-12)  # all that it would tell is known
    assert columns["all"][2] > 0


def test_questions_that_bring_more_become_likelier():
    training = AskerTraining(SMALL, SECONDS, 0)
    rounds = [training.play(0, 0, index) for index in range(2)]
    for one, gained in zip(rounds, (1.0, -1.0), strict=True):
        one.seen, one.asked, one.gained = [rounds[0].seen[0]], [0 if gained > 0 else 1], [gained]
    seen = torch.as_tensor(rounds[0].seen[0], dtype=torch.float32)
    before = torch.softmax(training.policy(seen), 0)
    training._loss(rounds).backward()
    training.optimizer.step()
    after = torch.softmax(training.policy(seen), 0)
    assert after[0] > before[0]
    assert after[0] / after[1] > before[0] / before[1]


def test_a_question_that_the_brief_answers_only_costs():
    training = AskerTraining(SMALL, SECONDS, 0)
    found = training.play(0, 0, 0)
    told = [seen[asked][SEEN.index("told")] for seen, asked in zip(found.seen, found.asked, strict=True)]
    costs = [-SMALL.cost * seconds for seconds in SECONDS.values()]
    assert all(not one or gained in costs for one, gained in zip(told, found.gained, strict=True))
    assert len(found.gained) == 2


def test_a_stopped_training_ends_as_one_that_was_not(tmp_path):
    whole = train_asker(SMALL, SECONDS, seed=1)

    class StopError(Exception):
        pass

    def stop(step, metrics):
        raise StopError

    with pytest.raises(StopError):
        train_asker(SMALL, SECONDS, seed=1, folder=tmp_path, progress=stop)
    again = train_asker(SMALL, SECONDS, seed=1, folder=tmp_path)
    for one, two in zip(whole.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    with pytest.raises(MismatchError):
        train_asker(AskingConfig(**{**SMALL.__dict__, "cost": 0.5}), SECONDS, seed=1, folder=tmp_path)


def test_a_trained_asker_chooses_what_is_new(tmp_path):
    save_checkpoint(tmp_path / "weights.pt", {"module": AskingPolicy().state_dict()})
    brief = Brief(features={"one": KnownFeature(direction="less")})
    selector = TrainedAsker(tmp_path / "weights.pt")(known(brief))
    assert isinstance(selector, AskerSelector)
    chosen = [query.id for query in selector.select(POOL, 9)]
    assert "feature 0" not in chosen
    assert "feature 1" in chosen
    assert len(selector.select(POOL, 1)) == 1
    assert selector.select([], 1) == []


def test_what_is_no_asker_is_refused(tmp_path):
    with pytest.raises(DataError, match="no trained asker at"):
        TrainedAsker(tmp_path / "weights.pt")
    save_checkpoint(tmp_path / "weights.pt", {"module": AskingPolicy().state_dict()})
    with pytest.raises(ConfigError, match="named features"):
        TrainedAsker(tmp_path / "weights.pt")(lambda item: np.zeros(2))
    save_checkpoint(tmp_path / "weights.pt", {"module": {}})
    with pytest.raises(MismatchError, match="does not fit this network"):
        TrainedAsker(tmp_path / "weights.pt")
    with pytest.raises(ConfigError, match=r"asker.group must be at least 2"):
        AskingConfig(group=1)


def test_every_second_feature_of_drawn_tasks_has_a_limit():
    assert training_features(4).sides == (None, "low", None, "high")
