"""The training loop: any module whose loss at a step is a function of the step's number."""

import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm import tqdm

from marsad.errors import MarsadError
from marsad.tables import positive, within
from marsad_train import checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a module is trained."""

    seed: int = 13
    encoder_rate: float = 2e-4  # peak learning rate of the pretrained weights
    head_rate: float = 1e-3  # and of the rest
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps in which the rates rise; then they fall linearly
    clip: float = 1.0  # longest gradient, as a norm
    accumulate: int = 1  # batches a step
    minutes_between_checkpoints: float = 5.0

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing can be learnt."""
        within("plan.seed", self.seed, 0, 2**32 - 1)
        for name in ("encoder_rate", "head_rate", "weight_decay", "minutes_between_checkpoints"):
            within(f"plan.{name}", getattr(self, name), 0)
        positive("plan.clip", self.clip)
        within("plan.warmup", self.warmup, 0, 1)
        within("plan.accumulate", self.accumulate, 1)

    def rate(self, step: int, steps: int) -> float:
        """The share of its peak that a learning rate has at a step: linear up, linear down."""
        rise = max(1, math.ceil(self.warmup * steps))
        return min((step + 1) / rise, (steps - step) / max(1, steps - rise))


def parameter_groups(
    module: torch.nn.Module, encoder: torch.nn.Module, plan: Plan
) -> list[dict[str, Any]]:
    """Weights by learning rate and decay: biases and norms, being vectors, do not decay."""
    inside = {id(parameter) for parameter in encoder.parameters()}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in module.parameters():
        rate = plan.encoder_rate if id(parameter) in inside else plan.head_rate
        decay = plan.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


class Trainer:
    """Takes a module through its steps, checkpointing into a folder and resuming from it."""

    def __init__(
        self, module: torch.nn.Module, encoder: torch.nn.Module, plan: Plan, folder: Path
    ) -> None:
        precision = "bf16" if torch.cuda.is_available() else "no"
        self.accelerator = Accelerator(mixed_precision=precision)
        if self.accelerator.num_processes > 1:
            raise MarsadError(
                "training is of one process; start it without torchrun or accelerate."
            )
        optimiser = torch.optim.AdamW(parameter_groups(module, encoder, plan), fused=True)
        self.module, self.optimiser = self.accelerator.prepare(module, optimiser)
        self.plan = plan
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def run(
        self, steps: int, loss_of: Callable[[int], torch.Tensor], ends: Collection[int] = ()
    ) -> Iterator[tuple[int, float]]:
        """Train, and yield the number of steps done and the loss after each.

        A checkpoint is written every few minutes, and behind the steps that are named as ``ends``,
        so that a resumed run never comes back to what ended there.

        ``loss_of`` is called with 0, 1, 2 … (``accumulate`` times a step) and must depend on
        nothing else: that, and seeding torch anew for each step, makes a resumed run the same run.
        """
        inner = self.accelerator.unwrap_model(self.module)
        done = checkpoint.restore(self.folder, inner, self.optimiser)
        saved = time.monotonic()
        bar = tqdm(range(done, steps), initial=done, total=steps, unit="step")
        for step in bar:
            loss = self._step(step, steps, loss_of)
            bar.set_postfix(loss=f"{loss:.3f}")
            yield step + 1, loss
            due = time.monotonic() - saved > 60 * self.plan.minutes_between_checkpoints
            if due or step + 1 in (steps, *ends):
                checkpoint.save(self.folder, inner, self.optimiser, step + 1)
                saved = time.monotonic()

    def _step(self, step: int, steps: int, loss_of: Callable[[int], torch.Tensor]) -> float:
        torch.manual_seed(self.plan.seed * 1_000_003 + step)
        self.module.train()
        total = 0.0
        for part in range(self.plan.accumulate):
            loss = loss_of(step * self.plan.accumulate + part) / self.plan.accumulate
            self.accelerator.backward(loss)
            total += loss.item()
        if not math.isfinite(total):
            raise MarsadError(
                f"step {step + 1}: the loss is {total}; try a lower plan.encoder_rate or head_rate."
            )
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.plan.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * self.plan.rate(step, steps)
        self.optimiser.step()
        self.optimiser.zero_grad()
        return total
