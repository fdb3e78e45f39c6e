import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.causal_transformer import CausalTransformer


@pytest.fixture
def made():
    torch.manual_seed(0)
    return CausalTransformer(2, 3, width=8, heads=2, length=6).eval(), torch.randn(2, 4, 6, 3)


def test_a_step_sees_those_before_it_and_none_after(made):
    transformer, features = made
    tokens = transformer(features)
    assert tokens.shape == (2, 4, 6, 8)
    later = features.clone()
    later[:, :, 4:] += 1
    torch.testing.assert_close(transformer(later)[:, :, :4], tokens[:, :, :4], rtol=1e-5, atol=1e-6)
    earlier = features.clone()
    earlier[:, :, 0] += 1
    assert not torch.allclose(transformer(earlier)[:, :, 5], tokens[:, :, 5], atol=1e-3)


def test_importance_adds_up_to_one_over_the_steps_there_are(made):
    transformer, features = made
    there = torch.ones(2, 4, 6, dtype=torch.bool)
    there[:, 1, 4:] = False
    tokens = transformer(features)
    importance = transformer.importance(tokens, there)
    torch.testing.assert_close(importance.sum(-1), torch.ones(2, 4))
    assert (importance[:, 1, 4:] < 1e-6).all()
    assert importance.std(-1).min() > 1e-4
    # What is beyond the end changes nothing.
    cut = transformer.importance(tokens[:, 1:2, :4], there[:, 1:2, :4])
    torch.testing.assert_close(importance[:, 1:2, :4], cut)


def test_importance_by_hand():
    transformer = CausalTransformer(1, 1, width=1, heads=1, length=2)
    with torch.no_grad():
        for name in ("query", "key"):
            transformer.networks[0][name].weight.fill_(1)
            transformer.networks[0][name].bias.zero_()
    # Tokens 0 and 1: the first asks with 0, which shares evenly; the second with 1, softmax(0, 1) = .2689, .7311.
    found = transformer.importance(torch.tensor([[[[0.0], [1.0]]]]), torch.ones(1, 1, 2, dtype=torch.bool))
    assert found.flatten().tolist() == pytest.approx([(0.5 + 0.2689) / 2, (0.5 + 0.7311) / 2], abs=1e-4)


def test_all_steps_count_alike_if_told_so():
    transformer = CausalTransformer(1, 2, width=4, heads=1, length=4, weighted=False)
    there = torch.tensor([[[True, True, False, True]]])
    assert transformer.importance(torch.zeros(1, 1, 4, 4), there).flatten().tolist() == pytest.approx(
        [1 / 3, 1 / 3, 0, 1 / 3]
    )


def test_too_many_steps_and_odd_widths_are_refused():
    with pytest.raises(ConfigError, match="segments have 7 steps, the transformer looks at 6"):
        CausalTransformer(1, 1, width=4, heads=1, length=6)(torch.zeros(1, 1, 7, 1))
    with pytest.raises(ConfigError, match="width=6, heads=4"):
        CausalTransformer(1, 1, width=6, heads=4)
