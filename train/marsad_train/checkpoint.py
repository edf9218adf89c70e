"""A run's state in one safetensors file, written so that a kill leaves the last or the new one."""

import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

NAME = "checkpoint.safetensors"


def save(
    folder: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    """Write the weights, the optimiser's moments and the number of steps done."""
    tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    partial = folder / f"{NAME}.partial"
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(whole, partial, metadata={"step": str(step)})
    os.replace(partial, folder / NAME)


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
