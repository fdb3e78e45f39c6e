import pytest
import torch
from torch import nn

from robopref.errors import ConfigError
from robopref.nets.stacked import StackedMLP, StackedPointNet, join, part, use_tapes


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("taped", [False, True])
def test_a_network_by_hand(taped):
    network = StackedMLP(2, (1, 1, 1))
    if taped:
        use_tapes(network)
    with torch.no_grad():
        for k, (weight, bias) in enumerate([(2.0, 1.0), (-3.0, 0.5)]):
            network.weights[k].copy_(torch.tensor([weight, -weight]).view(2, 1, 1))
            network.biases[k].fill_(bias)
    # Copy 1: relu(2 * 1 + 1) = 3, -3 * 3 + 0.5 = -8.5; copy 2: relu(-2 + 1) = 0, 0.5.
    out = network(torch.ones(2, 1, 1))
    assert out.flatten().tolist() == [-8.5, 0.5]
    out.sum().backward()
    # Of copy 1: d/dw2 = 3, d/dw1 = w2 * x = -3, d/db1 = -3; copy 2 is behind a rectifier.
    assert network.weights[1].grad.flatten().tolist() == [3, 0]
    assert network.weights[0].grad.flatten().tolist() == [-3, 0]
    assert network.biases[0].grad.flatten().tolist() == [-3, 0]
    assert network.biases[1].grad.flatten().tolist() == [1, 1]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("sizes", [(5, 2), (5, 7, 2), (5, 7, 6, 1)])
def test_a_tape_has_the_gradients_of_autograd(copies, sizes):
    torch.manual_seed(0)
    network, x = StackedMLP(copies, sizes), inputs(copies, 11, 5).requires_grad_()
    found = []
    for taped in (False, True):
        if taped:
            use_tapes(network)
        network.zero_grad()
        x.grad = None
        for scale in (1, 2):  # gradients add up
            (network(scale * x).square()).sum().backward()
        found.append([*(p.grad.clone() for p in network.parameters()), x.grad.clone()])
    for plain, by_hand in zip(*found, strict=True):
        torch.testing.assert_close(by_hand, plain)


def test_a_tape_serves_several_sizes_and_passes_without_gradient():
    network, x, longer = StackedMLP(2, (5, 7, 1)), inputs(2, 11, 5), inputs(2, 13, 5)
    expected = [network(x), network(longer)]
    use_tapes(network)
    first = network(x)
    second = network(longer)
    with torch.no_grad():
        again = network(x)
    for got, right in zip((first, second, again), (*expected, expected[0]), strict=True):
        torch.testing.assert_close(got, right)
    first.sum().backward()
    assert network.weights[0].grad is not None


def test_a_gradient_whose_memory_was_used_again_is_refused():
    network = StackedMLP(1, (2, 3, 1))
    use_tapes(network)
    first = network(torch.ones(1, 4, 2))
    network(torch.zeros(1, 4, 2))
    with pytest.raises(RuntimeError, match="applied again before the gradient"):
        first.sum().backward()


def test_what_the_tape_returns_is_not_overwritten():
    network = StackedMLP(1, (2, 3, 1))
    use_tapes(network)
    first = network(torch.ones(1, 4, 2))
    before = first.clone()
    network(torch.zeros(1, 4, 2))
    assert torch.equal(first, before)


def test_dropped_units_pass_nothing_on_and_get_no_gradient():
    network = StackedMLP(1, (2, 3, 1))
    masks = [torch.tensor([[[0.0, 2, 2]]]).expand(1, 4, 3)]
    network(torch.ones(1, 4, 2), masks).sum().backward()
    assert network.weights[0].grad[0, :, 0].tolist() == [0, 0]
    # The same as a network without that unit, whose others count twice.
    alone = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        alone[0].weight.copy_(network.weights[0][0].T)
        alone[0].bias.zero_()
        alone[2].weight.copy_(network.weights[1][0].T * torch.tensor([0, 2, 2]))
        alone[2].bias.zero_()
    torch.testing.assert_close(network(torch.ones(1, 4, 2), masks)[0], alone(torch.ones(4, 2)))


def test_copies_are_independent():
    network, x = StackedMLP(3, (5, 7, 1)), inputs(3, 4, 5)
    for k in range(3):
        torch.testing.assert_close(part(network, k, 3)(x[k : k + 1])[0], network(x)[k])
    joined = join([part(network, k, 3) for k in range(3)])
    assert all(torch.equal(a, b) for a, b in zip(joined.parameters(), network.parameters(), strict=True))


def test_a_cloud_is_the_same_in_any_order():
    encoder, points = StackedPointNet(2, (8, 4)), inputs(2, 3, 9, 3)
    encoded = encoder(points)
    assert encoded.shape == (2, 3, 4)
    torch.testing.assert_close(encoder(points[:, :, torch.randperm(9)]), encoded)


@pytest.mark.parametrize(("copies", "sizes"), [(0, (1, 1)), (1, (1,)), (1, (1, 0))])
def test_sizes_that_cannot_be_are_refused(copies, sizes):
    with pytest.raises(ConfigError, match="one copy or more and two sizes or more"):
        StackedMLP(copies, sizes)
