"""A run's folder: its settings and its state, written so that a kill leaves the old or the new."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from marsad.errors import MarsadError, naming

NAME = "checkpoint.safetensors"
RUN = "run.json"


def claim(folder: Path, settings: dict[str, Any]) -> None:
    """Write down what run a folder is of, or make sure that it is of this one.

    Raises:
        MarsadError: the folder holds a run with other settings.
    """
    own = json.loads(json.dumps(settings))
    path = folder / RUN
    if path.exists() and (there := json.loads(path.read_text(encoding="utf-8"))) != own:
        keys = ", ".join(_changed(own, there))
        raise MarsadError(
            f"{folder} holds a run with other settings ({keys}); "
            "give another folder (--set output=…), or delete this one to start afresh."
        )
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write(path, json.dumps(own, ensure_ascii=False, indent=2) + "\n")


def _changed(own: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """The keys that differ, within tables the keys in them."""
    keys = []
    for key, value in own.items():
        other = there.get(key)
        if value != other:
            inner = isinstance(value, dict) and isinstance(other, dict)
            keys += [f"{key}.{name}" for name in _changed(value, other or {})] if inner else [key]
    return keys


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """What is in files that a run depends on, for its settings."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], step: int) -> None:
    """Write tensors whole or not at all, with the number of steps that made them."""
    partial = path.with_name(f"{path.name}.partial")
    # Clones, since safetensors refuses tensors that share memory, as tied weights do.
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(whole, partial, metadata={"step": str(step)})
    os.replace(partial, path)


def save(
    folder: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    """Write the weights, the optimiser's moments and the number of steps done."""
    tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    write_tensors(folder / NAME, tensors, step)


def restore(folder: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Take up a run where its checkpoint left it; the steps done, 0 if there is no checkpoint."""
    if not (folder / NAME).exists():
        return 0
    weights: dict[str, torch.Tensor] = {}
    states: dict[int, dict[str, torch.Tensor]] = {}
    with safe_open(folder / NAME, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - not a dict
            owner, _, name = key.partition(".")
            if owner == "module":
                weights[name] = file.get_tensor(key)
            else:
                index, _, name = name.partition(".")
                states.setdefault(int(index), {})[name] = file.get_tensor(key)
        step = int(file.metadata()["step"])
    module.load_state_dict(weights)
    optimiser.load_state_dict(
        {"state": states, "param_groups": optimiser.state_dict()["param_groups"]}
    )
    return step
