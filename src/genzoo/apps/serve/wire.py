"""What requests hold: the standard fields of each route, and beside them seed, given and options."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from genzoo.zoo.mistakes import unknown

__all__ = ["Chat", "Chosen", "Completion", "Edit", "Expect", "Generation", "Impute", "Part", "Score", "Speech"]

Seed = Annotated[int | None, Field(ge=0, lt=1 << 63, description="Names the noise; by default a fresh one.")]
Count = Annotated[int | None, Field(ge=1, le=4096)]
Text = Annotated[str, Field(max_length=1 << 17)]
Unit = Annotated[float | None, Field(gt=0, le=1)]


class Form(BaseModel):
    """A part of a request. A field that is not known is refused: it may be misspelled."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _known(cls, said: Any) -> Any:
        for name in said if isinstance(said, dict) else ():
            if name not in cls.model_fields:
                told = str(unknown("field", name, cls.model_fields))
                raise PydanticCustomError("unknown_field", "{told}", {"told": told, "field": name})
        return said


class Asked(Form):
    """What every request may hold.

    Attributes:
        model: The name of the run; where one is served only, it needs none.
        seed: Names the noise.
        given: The condition, by name: a word, a number, or a picture or a sound in base64; or a list of them for rows
            in turn.
        timeout: Seconds until the answer must be there.
        user: Is not looked at.
        metadata: Neither.
    """

    model: Annotated[str | None, Field(max_length=200)] = None
    seed: Seed = None
    given: Annotated[dict[str, Any], Field(max_length=100)] = Field(default_factory=dict)
    timeout: Annotated[float | None, Field(gt=0)] = None
    user: str | None = None
    metadata: dict[str, Any] | None = None


class Streamed(Form):
    """How a stream ends.

    Attributes:
        include_usage: Whether the counts of symbols come last.
        include_obfuscation: Is not looked at.
    """

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Chosen(Asked):
    """How symbols are drawn, as `genzoo.models.choice.Choice` has it.

    Attributes:
        temperature: Below 1 the likely becomes likelier.
        top_p: Only the likeliest symbols of this probability together.
        top_k: Only so many of the likeliest.
        min_p: Only symbols that are at least so likely beside the likeliest.
        repetition: What has been said becomes rarer.
        stop: Texts before which an answer ends.
        n: How many texts.
        stream: Whether they come symbol by symbol.
        stream_options: How the stream ends.
        frequency_penalty: Must be 0.
        presence_penalty: Must be 0.
        logit_bias: Must be left out.
    """

    temperature: Annotated[float | None, Field(ge=0, le=100)] = None
    top_p: Unit = None
    top_k: Count = None
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    repetition: Annotated[float | None, Field(ge=1, le=100)] = None
    stop: Annotated[str, Field(min_length=1, max_length=100)] | Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=16)
    ] | None = None  # fmt: skip
    n: Annotated[int | None, Field(ge=1, le=1024)] = None
    stream: bool | None = None
    stream_options: Streamed | None = None
    frequency_penalty: Annotated[float | None, Field(ge=0, le=0)] = None
    presence_penalty: Annotated[float | None, Field(ge=0, le=0)] = None
    logit_bias: None = None

    @property
    def likely(self) -> int | None:
        """Of how many likeliest symbols log-probabilities are told, with those that are said; None: of none."""
        return None


Symbols = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=1 << 17)]


class Completion(Chosen):
    """A text that is to go on.

    Attributes:
        prompt: Its beginning, or several: texts, or lists of symbols; by default a whole text is drawn.
        max_tokens: How many symbols follow at most; by default as many as the run's rows have.
        echo: Whether the beginning is told again.
        suffix: Must be left out.
        best_of: Must be 1.
        logprobs: If told, each symbol's log-probability under the model, and those of so many likeliest.
    """

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=64)] | Symbols | Annotated[
        list[Symbols], Field(min_length=1, max_length=64)
    ] | None = None  # fmt: skip
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    echo: bool | None = None
    suffix: None = None
    best_of: Literal[1] | None = None
    logprobs: Annotated[int | None, Field(ge=0, le=20)] = None

    @property
    def likely(self) -> int | None:
        return self.logprobs

    @model_validator(mode="after")
    def _without_echo(self) -> Self:
        if self.echo and self.logprobs is not None:
            told = "logprobs must be left out beside echo. Ask /v1/score how likely a text is."
            raise PydanticCustomError("both", "{told}", {"told": told, "field": "logprobs"})
        return self


class Generation(Asked):
    """Pictures that are to be drawn.

    Attributes:
        prompt: A text, for a run of pictures given texts; for one given labels, a label.
        n: How many.
        size: Must be the run's, as 28x28, or auto.
        response_format: Only b64_json.
        output_format: Only png.
        stream: Whether they come as events.
        partial_images: How many pictures of what is not done yet come before, from runs that draw in steps.
        options: Of the run's sampling, as steps or guidance; of an edit, the method's.
        quality: Is not looked at.
        background: Is not looked at.
        moderation: Is not looked at.
        style: Is not looked at.
        input_fidelity: Is not looked at.
    """

    prompt: Annotated[str | None, Field(max_length=10_000)] = None
    n: Annotated[int | None, Field(ge=1, le=1024)] = None
    size: Annotated[str | None, Field(max_length=20)] = None
    response_format: Literal["b64_json"] | None = None
    output_format: Literal["png"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int | None, Field(ge=0, le=3)] = None
    options: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)
    quality: str | None = None
    background: str | None = None
    moderation: str | None = None
    style: str | None = None
    input_fidelity: str | None = None

    @model_validator(mode="after")
    def _in_parts(self) -> Self:
        if self.partial_images and not self.stream:
            told = "partial_images must be 0 where nothing is streamed. Set stream, or leave it out."
            raise PydanticCustomError("not_streamed", "{told}", {"told": told, "field": "partial_images"})
        return self


class Edit(Generation):
    """A picture of which a part is to be drawn anew. What it is, and which part, are files beside these fields.

    Attributes:
        method: How, as `genzoo solve --list` tells; by default the strongest claim that is soon answered.
        noise: How far from the picture its kept pixels may be for the method, as `genzoo solve --noise`.
    """

    method: Annotated[str, Field(max_length=50)] = "auto"
    noise: Annotated[str, Field(max_length=50)] = "0.05"


class Score(Asked):
    """Rows whose log-probability is asked.

    Attributes:
        input: Texts; rows of a table by column or in its order; pictures as base64 of PNG; arrays of numbers.
        draws: Over how many seeds a bound or an estimate is averaged, which tells its error.
    """

    input: Annotated[list[Any], Field(min_length=1, max_length=1000)] | Annotated[str, Field(min_length=1)]
    draws: Annotated[int, Field(ge=1, le=1000)] = 1


class Part(Form):
    """A part of a message; parts of other kinds than texts are refused.

    Attributes:
        type: text.
        text: What it says.
    """

    type: Literal["text"]
    text: Text

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, said: Any) -> Any:
        kind = said.get("type", "text") if isinstance(said, dict) else "text"
        if kind != "text":
            told = f"A part of a message must be of type text, got {kind!r:.40}. Send texts alone."
            raise PydanticCustomError("unsupported", "{told}", {"told": told, "field": "type"})
        return said


class Message(Form):
    """What was said.

    Attributes:
        role: By whom.
        content: What.
        name: Is not looked at.
    """

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(min_length=1, max_length=64)]
    name: str | None = None


class Chat(Chosen):
    """A talk whose last message is to be answered.

    Attributes:
        messages: What was said; the last is answered.
        max_tokens: How many symbols an answer has at most.
        max_completion_tokens: The same, by its newer name.
        logprobs: Whether each symbol's log-probability under the model is told.
        top_logprobs: And those of so many likeliest.
    """

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None

    @property
    def likely(self) -> int | None:
        return self.top_logprobs or 0 if self.logprobs else None

    @model_validator(mode="after")
    def _top_of_some(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            told = "top_logprobs must be left out where no logprobs are asked for. Set logprobs."
            raise PydanticCustomError("without_logprobs", "{told}", {"told": told, "field": "top_logprobs"})
        return self


class Speech(Asked):
    """A sound that is to be drawn.

    Attributes:
        input: The text, or the label, that it is drawn for; empty for a run without conditions.
        voice: Is not looked at.
        response_format: Only wav.
        options: Of the run's sampling.
    """

    input: Annotated[str | None, Field(max_length=10_000)] = None
    voice: str | None = None
    response_format: Literal["wav"] | None = None
    options: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)


class Expect(Asked):
    """A question about x.

    Attributes:
        of: A statement or a number, as `age > 40 and sex == 'F'` or `norm(x)`.
        n: From how many samples.
        quantiles: Which quantiles of a number.
        rare: Whether to reach for the event by importance sampling.
    """

    of: Annotated[str, Field(min_length=1, max_length=1000, examples=["x > 0.5", "mean(x)"])]
    n: Annotated[int, Field(ge=2, le=1_000_000)] = 10_000
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(max_length=20)] = [0.05, 0.5, 0.95]
    rare: bool = False


class Impute(Asked):
    """Rows of a table with holes.

    Attributes:
        input: The rows, by column or in their order; null is a hole.
        n: Draws of each.
    """

    input: Annotated[list[Any], Field(min_length=1, max_length=1000)]
    n: Annotated[int, Field(ge=1, le=1000)] = 1
