"""The bodies of requests and answers, as they are checked and as ``/docs`` shows them."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marsad.server.refusal import Refusal

SENTENCE = "قصفت قوات النظام بلدة كنصفرة جنوبي إدلب، ما أدى إلى مقتل ثلاثة مدنيين."
STRICT = ConfigDict(extra="forbid", strict=True)
MOST_KEYS = 64  # of an object that is checked: an error is made of each that is wrong
Score = float
# As soon as one is wrong, the others need no error of their own.
Strings = Annotated[list[str], Field(fail_fast=True)]
Body = TypeVar("Body", bound=BaseModel)


class ErrorBody(BaseModel):
    """Every error."""

    error: str = Field(description="A word for programs.", examples=["too_large"])
    detail: str = Field(description="What was found, and what would be accepted.")


class SourceBody(BaseModel):
    """A text to be read; keys beyond these are carried through to its document."""

    model_config = ConfigDict(extra="allow")
    text: str
    id: str | int | float | None = Field(
        default=None, description="Without it, the place in the request, from 1."
    )


class OptionsBody(BaseModel):
    """How to read."""

    model_config = STRICT
    min_score: float = Field(default=0, ge=0, le=1, description="Leave out what scores less.")


class TagRequest(BaseModel):
    """Texts to be read."""

    model_config = STRICT | {
        "json_schema_extra": {
            "examples": [
                {"documents": [{"id": "a", "text": SENTENCE}], "options": {"min_score": 0.5}}
            ]
        }
    }
    # One bad document must not cost the others their results, so each is checked by itself.
    documents: list[Any] = Field(
        json_schema_extra={
            "items": {
                "anyOf": [{"$ref": "#/components/schemas/SourceBody"}, {}],
                "description": 'An object with a "text"; anything else gets an error in its place.',
            }
        }
    )
    options: OptionsBody = OptionsBody(min_score=0)


class SentenceBody(BaseModel):
    """A stretch of the text, the classes it was put in, and the score of every class."""

    start: int
    end: int
    classes: list[str]
    scores: dict[str, Score]


class EntityBody(BaseModel):
    """A mention."""

    start: int
    end: int
    label: str
    text: str
    score: Score


class ArgumentBody(BaseModel):
    """An entity's part in an event, by its index in the document's entities."""

    role: str
    entity: int
    score: Score


class EventBody(BaseModel):
    """Something that happened, named by its trigger word."""

    type: str
    category: str = Field(alias="class")
    start: int
    end: int
    text: str
    score: Score
    sentence: int
    arguments: list[ArgumentBody]


class DocumentBody(BaseModel):
    """A text and what was found in it; offsets count its Unicode code points."""

    model_config = ConfigDict(extra="allow")
    id: str
    text: str
    sentences: list[SentenceBody]
    entities: list[EntityBody]
    events: list[EventBody]


class FailureBody(ErrorBody):
    """Stands in the place of a document that could not be read."""

    id: str


class TagAnswer(BaseModel):
    """A document, or an error, for each that was sent, in order."""

    documents: list[DocumentBody | FailureBody]


class ParametersBody(BaseModel):
    """What Hugging Face's token classification can be told."""

    model_config = STRICT
    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] | None = Field(
        default=None,
        description='"none" gives words with B- and I- labels; all others, whole entities.',
    )
    ignore_labels: Strings | None = Field(default=None, description="Entity labels to leave out.")
    stride: int | None = Field(default=None, description="Without effect: nothing is ever cut off.")


class InputsRequest(BaseModel):
    """A text or several, as clients of Hugging Face's token classification send them."""

    model_config = STRICT | {
        "json_schema_extra": {
            "examples": [{"inputs": SENTENCE, "parameters": {"aggregation_strategy": "simple"}}]
        }
    }
    inputs: str | Strings
    parameters: ParametersBody | None = None
    options: dict[str, Any] | None = Field(default=None, description="Without effect.")


class GroupBody(BaseModel):
    """An entity."""

    entity_group: str
    score: Score
    word: str
    start: int
    end: int


class TokenBody(BaseModel):
    """A word of an entity."""

    entity: str
    score: Score
    index: int
    word: str
    start: int
    end: int


Found = list[GroupBody] | list[TokenBody]
InputsAnswer = Found | list[Found]


class HealthBody(BaseModel):
    """That the server is well."""

    status: str


class InfoBody(BaseModel):
    """The model, its schema, the limits of requests, and versions."""

    model: str
    licence: str
    schema_: dict[str, Any] = Field(alias="schema")
    thresholds: dict[str, float]
    bytes: int
    limits: dict[str, Any]
    versions: dict[str, str]


def check(kind: type[Body], value: object) -> Body:
    """Check a request's JSON.

    Raises:
        Refusal: 422, naming the first key that is wrong.
    """
    parts = (value, *value.values()) if isinstance(value, dict) else ()
    if any(isinstance(part, dict) and len(part) > MOST_KEYS for part in parts):
        raise Refusal(422, f"the body: an object of more than {MOST_KEYS} keys.")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Refusal(422, f"{where}: {first['msg']}.") from error
