"""The whole training configuration: one record, no option framework, no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["BUDGETS", "TrainConfig"]

BUDGETS = ("steps", "minutes", "core_minutes")  # a run has at most one
WAITS = 8  # validations of 20 in a run


class TrainConfig(BaseModel):
    """How a model is trained; with the recipe's arguments it is all that a run depends on.

    Schedules are functions of the step alone and end exactly at the budget, and intervals left open are shares of the
    budget, so a run of N steps is the same however N was chosen.

    Raises:
        pydantic.ValidationError: If a name is unknown, a value out of range, or two budgets are given.

    Example:
        >>> TrainConfig(steps=2000, lr=3e-4).lr
        0.0003
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    steps: int | None = Field(None, ge=0, description="rounds of the game; for direct fits, batches in whole passes")
    minutes: float | None = Field(None, gt=0, description="wall time instead of steps: timed early, then fixed")
    core_minutes: float | None = Field(None, gt=0, description="processor time instead, as fair on a shared machine")
    batch_size: int = Field(128, ge=1, description="rows per optimizer step, over all processes")
    auto_batch: bool = Field(False, description="halve the batch until it fits into the memory")
    shard: bool = Field(False, description="shard networks over torchrun's ranks (FSDP)")
    accumulate: int = Field(1, ge=1, description="parts into which a batch is split to save memory")
    optimizer: Literal["adamw", "muon"] = Field("adamw", description="muon moves matrices, AdamW the rest")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    muon_lr: float = Field(0.02, gt=0, description="peak learning rate of Muon")
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW's averaging factors")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    warmup: int = Field(0, ge=0, description="rounds of linear warm-up")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="what the rate does after warm-up")
    clip_norm: float | None = Field(None, gt=0, description="largest gradient norm of a step")
    nonfinite: Literal["skip", "stop", "rollback"] = Field(
        "skip",
        description="steps whose loss is not finite: skip up to ten in a row; stop at the first; or, after ten, "
        "go back to the last good checkpoint with half the rate, three times at most",
    )
    ema: float | None = Field(None, gt=0, lt=1, description="length of the weight average, as a share of the run")
    averages: bool = Field(False, description="save averages of which `genzoo average` makes one of any length")
    precision: Literal["auto", "float32", "bf16", "float64"] = Field(
        "float32", description="bf16 is autocast; auto: bf16 where the device is quick in it, else float32"
    )
    validate_every: int | None = Field(None, ge=1, description="rounds between validations; default: 20 in a run")
    valid_rows: int = Field(10_000, ge=1, description="rows of a validation, at most; short runs look at fewer")
    keep: Literal["last", "best"] = Field("last", description="the weights that are saved: last or best on validation")
    patience: int | None = Field(
        None,
        ge=0,
        description="stop after so many validations without a better one; default: 8 with keep=best; 0: never",
    )
    log_every: int | None = Field(None, ge=1, description="rounds between rows of metrics; default: 200 in a run")
    sample_every: int | None = Field(None, ge=1, description="rounds between sample grids; default: 5 in a run")
    checkpoint_every: int | None = Field(None, ge=1, description="rounds between checkpoints; default: by the clock")
    checkpoint_seconds: float = Field(60.0, gt=0, description="seconds between checkpoints, without checkpoint_every")
    seed: int = Field(0, ge=0, description="names every random draw of the run")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps …")

    @property
    def waits(self) -> int | None:
        """Validations without a better one after which the training stops, None if it never does.

        Example:
            >>> TrainConfig().waits, TrainConfig(keep="best").waits, TrainConfig(keep="best", patience=0).waits
            (None, 8, None)
        """
        if self.patience is None:
            return WAITS if self.keep == "best" else None
        return self.patience or None

    @model_validator(mode="after")
    def _fits_shards(self) -> "TrainConfig":
        if self.shard and self.averages:
            raise ValueError("averages are kept of whole weights, got shard beside them: leave one out")
        if self.shard and (self.minutes or self.core_minutes):
            raise ValueError("a budget of time is timed on whole weights, got shard beside it: name steps")
        return self

    @model_validator(mode="after")
    def _one_budget(self) -> "TrainConfig":
        named = {name: value for name in BUDGETS if (value := getattr(self, name)) is not None}
        if len(named) > 1:
            said = " and ".join(f"{name}={value:g}" for name, value in named.items())
            raise ValueError(f"a run has one budget, got {said}: keep one")
        return self
