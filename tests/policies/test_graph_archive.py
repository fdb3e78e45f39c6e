"""Archives of graphs from elsewhere: nothing in them runs, and none claims what it has not."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from robopref.errors import DataError
from robopref.policies import graph_archive

WEIGHT = torch.arange(3.0)
GRAPH, WEIGHTS, CONSTANTS = (
    "models/model.json", "data/weights/model_weights_config.json", "data/constants/model_constants_config.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An archive as torch writes it, by name."""
    path = tmp_path_factory.mktemp("graph") / "graph.pt2"
    given = (torch.zeros(2, 3),)
    program = torch.export.export(make_fx(lambda x: torch.nn.functional.silu(x) + WEIGHT)(*given), given)
    program.example_inputs = None
    torch.export.save(program, path)
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def packed(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"graph/{name}", content)
    return path


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def graph_changed(members: dict[str, bytes], change: Callable[[Any], None]) -> dict[str, bytes]:
    graph = json.loads(members[GRAPH])
    change(graph)
    return {**members, GRAPH: json.dumps(graph).encode()}


def in_graph(place: Callable[[Any], Any], key: Any, value: Any) -> Callable[[dict[str, bytes], Path], dict[str, bytes]]:
    """An attack that puts a value, with CANARY in place of the file to make, at a place of the graph."""

    def attack(members: dict[str, bytes], canary: Path) -> dict[str, bytes]:
        put = json.loads(json.dumps(value).replace("CANARY", str(canary)))
        return graph_changed(members, lambda graph: place(graph).__setitem__(key, put))

    return attack


def pickled(member: str, config: str, folder: str) -> Callable[[dict[str, bytes], Path], dict[str, bytes]]:
    """An attack that says of a weight or constant that it is a pickle."""

    def attack(members: dict[str, bytes], canary: Path) -> dict[str, bytes]:
        told = {"path_name": member, "is_param": False, "use_pickle": True, "tensor_meta": None}
        content = pickle.dumps(Touch(canary))
        return {**members, config: json.dumps({"config": {"x": told}}).encode(), folder + member: content}

    return attack


def added(name: str, content: bytes = b"") -> Callable[[dict[str, bytes], Path], dict[str, bytes]]:
    return lambda members, canary: {**members, name: content or pickle.dumps(Touch(canary))}


def weight_claim(**claim: Any) -> Callable[[dict[str, bytes], Path], dict[str, bytes]]:
    def attack(members: dict[str, bytes], canary: Path) -> dict[str, bytes]:
        config = json.loads(members[WEIGHTS])
        (entry,) = config["config"].values()
        entry["tensor_meta"].update(claim)
        (name,) = [name for name in members if name.startswith("data/weights/weight_")]
        return {**members, WEIGHTS: json.dumps(config).encode(), name: b""}

    return attack


def nodes(graph: Any) -> Any:
    return graph["graph_module"]["graph"]["nodes"][0]


def inner(graph: Any) -> Any:
    return graph["graph_module"]["graph"]


def signature(graph: Any) -> Any:
    return graph["graph_module"]["module_call_graph"][0]["signature"]


CALL = "__import__('os').system('touch CANARY')"
EXPRESSION = {"as_expr": {"expr_str": CALL, "hint": None}}
FACTORY = {"default_factory_module": "antigravity", "default_factory_name": "x", "dict_context": []}
TREE = [1, {"type": "collections.defaultdict", "context": json.dumps(FACTORY), "children_spec": []}]
ATTACKS = {
    "sample inputs": added("data/sample_inputs/model.pt"),
    "pickled weight": pickled("weight_0", WEIGHTS, "data/weights/"),
    "pickled constant": pickled("tensor_0", CONSTANTS, "data/constants/"),
    "opaque object": pickled("opaque_obj_0", CONSTANTS, "data/constants/"),
    "custom object": pickled("custom_obj_0", CONSTANTS, "data/constants/"),
    "weights of an old form": added("data/weights/model.pt"),
    "constants of an old form": added("data/constants/model.pt"),
    "another graph": added("models/other.json"),
    "compiled code": added("data/aotinductor/model/model.so"),
    "extra file": added("extra/notes", b"x"),
    "path out of the archive": added("data/weights/../../x"),
    "expression as a size": in_graph(lambda g: next(iter(inner(g)["tensor_values"].values())), "sizes", [EXPRESSION]),
    "expression as an argument": in_graph(lambda g: nodes(g)["inputs"][0], "arg", {"as_sym_int": EXPRESSION}),
    "expression as a value": in_graph(inner, "sym_int_values", {"s0": EXPRESSION}),
    "guard": in_graph(lambda g: g, "guards_code", [CALL]),
    "range": in_graph(lambda g: g, "range_constraints", {CALL: {"min_val": 0, "max_val": 1}}),
    "name of an argument": in_graph(lambda g: inner(g)["inputs"][-1]["as_tensor"], "name", f"x={CALL}"),
    "name of an argument of the function": in_graph(signature, "forward_arg_names", [f"x={CALL}"]),
    "name of a buffer": in_graph(
        lambda g: g["graph_module"]["signature"]["input_specs"][0]["buffer"], "buffer_name", f'a"+{CALL}+"'
    ),
    "tree that imports": in_graph(signature, "in_spec", json.dumps(TREE)),
    "function of torch": in_graph(nodes, "target", "torch.hub.load"),
    "function of os": in_graph(nodes, "target", "torch.os.system"),
    "function of an operator": in_graph(nodes, "target", "_operator.methodcaller"),
    "operator that opens files": in_graph(nodes, "target", "torch.ops.aten.from_file.default"),
    "operator by way of another": in_graph(nodes, "target", "torch.ops.aten.add.Tensor.__globals__"),
    "operator of elsewhere": in_graph(nodes, "target", "torch.ops.prims.add.default"),
    "extension": in_graph(nodes, "target", "#evil:x"),
    "sub-graph": in_graph(lambda g: nodes(g)["inputs"][0], "arg", {"as_graph": {"name": "x", "graph": {}}}),
    "other device": in_graph(
        lambda g: next(iter(inner(g)["tensor_values"].values())), "device", {"type": "cuda", "index": 0}
    ),
    "weight of a terabyte": weight_claim(sizes=[{"as_int": 10**12}]),
    "weight of text": weight_claim(sizes=[{"as_int": "3"}]),
    "deep nesting": lambda members, _: {**members, GRAPH: b"[" * 100_000},
    "no graph": lambda members, _: {name: held for name, held in members.items() if name != GRAPH},
}  # fmt: skip


def test_what_torch_writes_is_read(members: dict[str, bytes], tmp_path: Path) -> None:
    given = torch.randn(2, 3)
    found: Any = graph_archive.load(packed(tmp_path / "graph.pt2", members))(given)
    torch.testing.assert_close(found, torch.nn.functional.silu(given) + WEIGHT)


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_not_admitted_is_refused_before_torch_sees_it(
    name: str, members: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(torch.export, "load", seen.append)
    path = packed(tmp_path / "graph.pt2", ATTACKS[name](members, tmp_path / "canary"))
    with pytest.raises(DataError, match=r"graph\.pt2 is not an export that can be trusted: .*; export again$"):
        graph_archive.load(path)
    assert not seen
    assert not (tmp_path / "canary").exists()


def test_members_that_come_twice_or_grow_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    twice = packed(tmp_path / "twice.pt2", members)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(f"graph/{GRAPH}", members[GRAPH])
    small = packed(tmp_path / "small.pt2", {**members, "byteorder": b" " * (1 << 24)}, zipfile.ZIP_DEFLATED)
    for path in (twice, small):
        with pytest.raises(DataError, match="that can be trusted"):
            graph_archive.checked(path)


def test_a_graph_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    given = (torch.zeros(2, 3),)
    program = torch.export.export(make_fx(lambda x: x.new_zeros(3, 50).sum() + x)(*given), given)
    program.example_inputs = None
    torch.export.save(program, tmp_path / "small.pt2")
    with zipfile.ZipFile(tmp_path / "small.pt2") as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    large = {**members, GRAPH: members[GRAPH].replace(b'"as_ints": [3, 50]', b'"as_ints": [300000, 5000000]')}
    with pytest.raises(DataError, match=r"makes a tensor of shape \(300000, 5000000\)"):
        graph_archive.load(packed(tmp_path / "large.pt2", large))


def test_a_mixture_of_persons_is_read(tmp_path: Path) -> None:
    """Weights of persons, a vector, times prototypes, a matrix."""
    weights, points = torch.tensor([0.25, 0.75]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])

    def ideal(at: Any) -> Any:
        return -((at - weights @ points) ** 2).sum(-1)

    example = (torch.tensor([[1.0, 1.0], [0.25, 1.5]]),)
    program = torch.export.export(make_fx(ideal)(*example), example)
    program.example_inputs = None
    torch.export.save(program, tmp_path / "graph.pt2")
    # The ideal point is (0.25, 1.5): -(0.75^2 + 0.5^2) = -0.8125, and 0.
    torch.testing.assert_close(graph_archive.load(tmp_path / "graph.pt2")(*example), torch.tensor([-0.8125, 0.0]))
