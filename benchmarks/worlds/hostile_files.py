"""Files that somebody made to run code, read other files, or fill the memory of whoever opens them."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from benchmarks.worlds.small_dataset import small
from robopref.data.episode_formats.conversion import write_dataset
from robopref.data.episode_formats.naming import Choices

Attack = tuple[str, Callable[[Path, Path], Path]]  # what opens it, and what makes it: of a folder and a canary
HUGE = 10**18
_HDF5 = {"robomimic": "data/demo_0/obs/more", "d4rl": "infos/more", "minari": "episode_0/infos/more"}


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def attacks() -> dict[str, Attack]:
    """All of them by name."""
    return {**_hdf5(), **_folders(), **_archives(), **_labels(), **_exports()}


def _written(folder: Path, kind: str) -> Path:
    path = folder / {"robomimic": "data.hdf5", "d4rl": "data.hdf5", "npz": "data.npz"}.get(kind, "data")
    write_dataset(path, small(seed=0, episodes=2), kind, Choices(fps=10))
    return path


def _hdf5() -> dict[str, Attack]:
    def changed(kind: str, change: Callable[[h5py.File, str, Path], None]) -> Attack:
        def make(folder: Path, _: Path) -> Path:
            path = _written(folder, kind)
            with h5py.File(path / "data/main_data.hdf5" if path.is_dir() else path, "a") as file:
                change(file, _HDF5[kind], folder)
            return path

        return "dataset", make

    def secret(folder: Path) -> str:
        with h5py.File(folder / "secret.hdf5", "w") as file:
            file["x"] = np.zeros(16)
        return str(folder / "secret.hdf5")

    def link(file: h5py.File, place: str, folder: Path) -> None:
        file[place] = h5py.ExternalLink(secret(folder), "/x")

    def numbers(file: h5py.File, place: str, folder: Path) -> None:
        file.create_dataset(place, (16,), "f8", external=[("/etc/passwd", 0, 128)])

    def virtual(file: h5py.File, place: str, folder: Path) -> None:
        layout = h5py.VirtualLayout((16,), "f8")
        layout[:] = h5py.VirtualSource(secret(folder), "x", (16,))
        file.create_virtual_dataset(place, layout)

    def huge(file: h5py.File, place: str, folder: Path) -> None:
        file.create_dataset(place, (16, HUGE // 10**6), "f4", chunks=(1, 1000), compression="gzip")

    def loop(file: h5py.File, place: str, folder: Path) -> None:
        group = file.create_group(f"{place}_loop")
        for _ in range(30):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner

    made = {"external link": link, "external numbers": numbers, "virtual numbers": virtual, "huge array": huge,
            "groups that double": loop}  # fmt: skip
    return {f"{kind}: {name}": changed(kind, change) for kind in _HDF5 for name, change in made.items()}


def _folders() -> dict[str, Attack]:
    def info(**about: Any) -> Attack:
        def make(folder: Path, _: Path) -> Path:
            path = _written(folder, "lerobot")
            told = json.loads((path / "meta/info.json").read_text())
            (path / "meta/info.json").write_text(json.dumps(told | about))
            return path

        return "dataset", make

    def linked(kind: str, name: str) -> Attack:
        def make(folder: Path, _: Path) -> Path:
            path = _written(folder, kind)
            (path / name).rename(folder / "away")
            (path / name).symlink_to(folder / "away")
            return path

        return "dataset", make

    def nested(folder: Path, _: Path) -> Path:
        path = _written(folder, "lerobot")
        (path / "meta/info.json").write_text("[" * 200_000)
        return path

    def array(**about: Any) -> Attack:
        def make(folder: Path, canary: Path) -> Path:
            path = _written(folder, "zarr")
            file = path / "data/state/.zarray"
            file.write_text(json.dumps(json.loads(file.read_text()) | about))
            (path / "data/state/0.0").write_bytes(pickle.dumps(Touch(canary)))
            return path

        return "dataset", make

    def pipe(folder: Path, _: Path) -> Path:
        path = _written(folder, "zarr")
        (path / "data/state/0.0").unlink()
        os.mkfifo(path / "data/state/0.0")
        return path

    def picture(folder: Path, _: Path) -> Path:
        path = _written(folder, "lerobot")
        file = path / "data/chunk-000/file-000.parquet"
        table = pq.read_table(file)
        cell = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        cells = pa.array([{"bytes": None, "path": "../../../../etc/passwd"}] * len(table), cell)
        pq.write_table(table.append_column("observation.images.x", cells), file)
        told = json.loads((path / "meta/info.json").read_text())
        told["features"]["observation.images.x"] = {"dtype": "image", "shape": [1, 1, 3], "names": None}
        (path / "meta/info.json").write_text(json.dumps(told))
        (path / "meta/robopref.json").unlink()
        return path

    return {
        "lerobot: pattern to elsewhere": info(data_path="../../{chunk_index}"),
        "lerobot: absolute pattern": info(data_path="/etc/passwd"),
        "lerobot: pattern of a gigabyte": info(data_path="{chunk_index:01000000000d}"),
        "lerobot: pattern of attributes": info(data_path="{chunk_index.__class__.__mro__}"),
        "lerobot: picture of elsewhere": ("dataset", picture),
        "lerobot: deep nesting": ("dataset", nested),
        "lerobot: linked file": linked("lerobot", "data/chunk-000/file-000.parquet"),
        "zarr: linked chunk": linked("zarr", "data/state/0.0"),
        "zarr: linked array": linked("zarr", "data/state"),
        "zarr: codec that unpickles": array(compressor={"id": "pickle", "protocol": 5}),
        "zarr: filter that unpickles": array(filters=[{"id": "pickle", "protocol": 5}]),
        "zarr: chunks without end": array(shape=[HUGE, HUGE], chunks=[1, 1], compressor={"id": "zlib", "level": 1}),
        "zarr: one huge chunk": array(chunks=[HUGE, 3], compressor={"id": "zlib", "level": 1}),
        "zarr: pipe for a chunk": ("dataset", pipe),
    }


def _archives() -> dict[str, Attack]:
    def zeros(folder: Path, _: Path) -> Path:
        path = folder / "bomb.npz"
        packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        with packed as archive, archive.open("actions.npy", "w") as file:
            for _ in range(270):
                file.write(bytes(1 << 20))
        return path

    def header(descr: str, shape: str, name: str = "actions") -> Attack:
        def make(folder: Path, canary: Path) -> Path:
            text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
            with zipfile.ZipFile(folder / "data.npz", "w") as archive:
                content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + pickle.dumps(Touch(canary))
                archive.writestr(f"{name}.npy", content)
            return folder / "data.npz"

        return "dataset", make

    return {
        "npz: zeros": ("dataset", zeros),
        "npz: claimed shape": header("'<f8'", f"({HUGE},)"),
        "npz: objects": header("'|O'", "(1,)"),
        "npz: pickled attributes": header("'|O'", "()", "attrs"),
        "npz: nested header": header("(" * 3000 + ")" * 3000, "(1,)"),
    }


def _labels() -> dict[str, Attack]:
    def pickled(content: Callable[[Path], bytes]) -> Attack:
        def make(folder: Path, canary: Path) -> Path:
            for name in ("indices_num1", "indices_2_num1", "label_human"):
                (folder / name).write_bytes(content(canary))
            return folder

        return "labels preference-transformer", make

    def doubled(times: int) -> list[Any]:
        made: list[Any] = [1.0]
        for _ in range(times):
            made = [made, made]
        return made

    def text(content: str) -> Callable[[Path, Path], Path]:
        def make(folder: Path, _: Path) -> Path:
            (folder / "labels.json").write_text(content)
            return folder / "labels.json"

        return make

    return {
        "labels: pickle that calls": pickled(lambda canary: pickle.dumps(Touch(canary))),
        "labels: pickle that doubles": pickled(lambda _: pickle.dumps(doubled(60))),
        "labels: pickle with a far place": pickled(lambda _: b"\x80\x04]r\xff\xff\xff\x7f."),
        "labels: pickle of claimed bytes": pickled(lambda _: b"\x80\x05\x96" + struct.pack("<Q", 1 << 50) + b"."),
        "labels: nested pickle": pickled(lambda _: b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "labels: nested lines": ("labels jsonl", text("[" * 200_000)),
        "labels: nested tasks": ("labels label-studio", text("[" * 200_000)),
    }


def _exports() -> dict[str, Attack]:
    manifest = {"format": "torch", "candidates": 2, "shape": [1, 2], "points": [3, 3], "levels": [[1, 0.5, 1.0]]}

    def packed(members: Callable[[Path], dict[str, bytes]]) -> Attack:
        def make(folder: Path, canary: Path) -> Path:
            (folder / "manifest.json").write_text(json.dumps(manifest))
            for name in ("encoder", "denoiser"):
                with zipfile.ZipFile(folder / f"{name}.pt2", "w") as archive:
                    for member, content in members(canary).items():
                        archive.writestr(f"{name}/{member}", content)
            return folder

        return "export", make

    def whole(canary: Path, **more: bytes) -> dict[str, bytes]:
        del canary
        usual = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little", "models/model.json": b"{}"}
        empty = json.dumps({"config": {}}).encode()
        places = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
        return {**usual, **dict.fromkeys(places, empty), **more}

    def told(levels: Any) -> Attack:
        def make(folder: Path, _: Path) -> Path:
            (folder / "manifest.json").write_text(levels if isinstance(levels, str) else json.dumps(levels))
            return folder

        return "export", make

    def onnx(folder: Path, _: Path) -> Path:
        weights = numpy_helper.from_array(np.zeros(4, np.float32), "w")
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        entry = weights.external_data.add()
        entry.key, entry.value = "location", "../../../../etc/passwd"
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [given], [out], [weights])
        (folder / "encoder.onnx").write_bytes(helper.make_model(graph, ir_version=9).SerializeToString())
        (folder / "manifest.json").write_text(json.dumps({**manifest, "format": "onnx"}))
        return folder

    samples, code = "data/sample_inputs/model.pt", "data/aotinductor/model/x.so"
    return {
        "export: pickled samples": packed(lambda canary: whole(canary, **{samples: pickle.dumps(Touch(canary))})),
        "export: old weights": packed(lambda canary: whole(canary, **{"data/weights/model.pt": _torch(canary)})),
        "export: compiled code": packed(lambda canary: whole(canary, **{code: b"\x7fELF"})),
        "export: nested graph": packed(lambda canary: whole(canary, **{"models/model.json": b"[" * 200_000})),
        "export: no archive": packed(lambda _: {}),
        "export: nested manifest": told("[" * 200_000),
        "export: manifest of text": told({"format": ["torch"], "candidates": "many"}),
        "export: numbers of elsewhere": ("export", onnx),
    }


def _torch(canary: Path) -> bytes:
    import torch

    made = io.BytesIO()
    torch.save({"x": Touch(canary)}, made)
    return made.getvalue()
