"""A reward of your own: whatever scores actions can be trained on preferences, and then chooses."""

import torch

import robopref as rp

TASK = rp.TaskSpec("envs:robopref/RopeShaping-v0", {"target": "straight"}, max_steps=6)


class Anywhere:
    """A policy of your own: it picks and places the rope anywhere."""

    def sample(self, observation: rp.Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return 2 * torch.rand(len(observation.proprio), n, 1, 4, generator=generator) - 1


class Place(torch.nn.Module):
    """What an action is worth by where it picks and places; a better one would look at the rope as well."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.SiLU(), torch.nn.Linear(32, 1))

    def score(self, observation: rp.Observation, actions: torch.Tensor, *, draw: object = None) -> rp.Scores:
        return rp.Scores(self.network(actions.flatten(2))[..., 0])


def main(*, workers: int = 2, states: int = 100, starts: int = 50, steps: int = 300) -> float:
    """By how many metres the reward's choice of an action beats one at random."""
    with rp.SimPool(TASK, workers) as pool:
        seen = rp.Candidates.draw(Anywhere(), pool, "preferences", count=states, n=8, seed=0)
        queries, teacher = seen.queries("pair"), rp.ScriptedTeacher(seen.rewards)
        data = seen.comparisons(rp.Answers.of(queries, map(teacher.label, queries)))
        reward = Place()
        rp.train_reward(reward, data, rp.objectives.bradley_terry, rp.FitConfig(steps), seed=0)
        fresh = rp.Candidates.draw(Anywhere(), pool, "evaluation", count=starts, n=16, seed=0)
        best = rp.rank(reward, fresh.observation, fresh.actions).index
        return float((fresh.tried(best) - fresh.tried(0)).mean())


if __name__ == "__main__":
    print(f"gain of selection: {100 * main():.1f} cm")
