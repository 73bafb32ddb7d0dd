"""What the page asks."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from genzoo.apps.serve.wire import Asked

__all__ = ["Check", "Compared", "Forgotten", "Near", "Resumed", "Samples", "Scored", "Stopped", "Trained", "Walk"]

Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(max_length=100)]
Settings = Annotated[dict[Annotated[str, Field(pattern=r"^\w{1,64}$")], Any], Field(max_length=100)]


class Samples(Asked):
    """Rows that are to be drawn.

    Attributes:
        n: How many.
        options: Of the run's sampling, as steps or guidance.
    """

    n: Annotated[int, Field(ge=1, le=1024)] = 16
    options: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)


class Near(Samples):
    """Samples that are to stand beside training rows.

    Attributes:
        k: How many of the nearest.
    """

    n: Annotated[int, Field(ge=1, le=32)] = 4
    k: Annotated[int, Field(ge=1, le=16)] = 4


class Walk(Asked):
    """A way through a latent.

    Attributes:
        other: The seed at its end; it begins at `seed`.
        steps: How many stand on it, both ends included.
        way: On the circle on which draws of N(0, I) lie, or straight.
        mix: Layers of the one in the other instead.
    """

    other: Annotated[int, Field(ge=0, lt=1 << 63)] = 1
    steps: Annotated[int, Field(ge=2, le=64)] = 9
    way: Literal["slerp", "lerp"] = "slerp"
    mix: bool = False


class Scored(Asked):
    """Data whose rows are to be scored.

    Attributes:
        data: Their name, or a path below an allowed folder; by default the test rows of the run's own.
        rows: How many, the first.
        once: Whether they were uploaded for this alone, and are removed afterwards.
    """

    data: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    rows: Annotated[int, Field(ge=1, le=10_000)] = 1000
    once: bool = False


class Strict(BaseModel):
    """What holds no other fields than its own."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Check(Strict):
    """Data that are to be looked at.

    Attributes:
        data: Their name, or a path below an allowed folder.
        given: The names of conditions.
        x: The names of what makes x.
        read: Options of reading.
    """

    data: Name
    given: Names = Field(default_factory=list)
    x: Names = Field(default_factory=list)
    read: Settings = Field(default_factory=dict)


class Forgotten(Strict):
    """A file that was uploaded and is to be removed.

    Attributes:
        data: Its place.
    """

    data: Name


class Trained(Check):
    """A training that is to begin.

    Attributes:
        recipe: What is trained.
        settings: Of the model.
        train: Of the training; the budget is one of them.
        name: What the run is called; by default after the recipe and the data.
    """

    recipe: Name
    settings: Settings = Field(default_factory=dict)
    train: Settings = Field(default_factory=dict)
    name: Name | None = None


class Resumed(Strict):
    """A training that is to go on.

    Attributes:
        model: The run.
        steps: How many it is to have in all; by default as many as it was to have.
    """

    model: Name
    steps: Annotated[int | None, Field(ge=1)] = None


class Stopped(Strict):
    """A command that is to end.

    Attributes:
        number: Its number.
    """

    number: Annotated[int, Field(ge=1)]


class Compared(Strict):
    """Runs that are to be measured by one protocol.

    Attributes:
        models: The runs.
        samples: How many samples are measured at most.
        rows: How many test rows are scored at most.
    """

    models: Annotated[list[Name], Field(min_length=1, max_length=20)]
    samples: Annotated[int, Field(ge=2, le=100_000)] = 1000
    rows: Annotated[int, Field(ge=2, le=100_000)] = 1000
