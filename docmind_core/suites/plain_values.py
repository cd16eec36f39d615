"""The kinds of value that a suite holds, strict about what YAML would take for another one."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

PlainText = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,1000}$")]
"""A name, a path or a URL: no control characters, which a terminal would obey."""


_SHOWABLE = re.compile(r"[-+.0-9]{1,20}|yes|no|on|off|true|false", re.IGNORECASE)
"""Texts that an error may repeat; any other may be a secret key in the wrong place."""


def _text(value: str) -> str:
    return f"the text {value!r}; write it without quotes" if _SHOWABLE.fullmatch(value) else "text"


def _number(value: object) -> object:
    """Refuse what pydantic would take for a number: YAML reads `yes` and `on` as true, and true would be 1."""
    if isinstance(value, bool):
        raise _other_kind("a number", str(value).lower())
    if isinstance(value, str):
        raise _other_kind("a number", _text(value))
    return value


def _switch(value: object) -> object:
    if isinstance(value, str):
        raise _other_kind("true or false", _text(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise _other_kind("true or false", f"the number {value}")
    return value


def _other_kind(wanted: str, given: str) -> PydanticCustomError:
    return PydanticCustomError("other_kind", "should be {wanted}, not {given}", {"wanted": wanted, "given": given})


Count = Annotated[int, BeforeValidator(_number)]
Measure = Annotated[float, BeforeValidator(_number)]
Switch = Annotated[bool, BeforeValidator(_switch)]


AUTO: Literal["auto"] = "auto"
AUTO_FIRST = 4
A_NUMBER = "a number"
ONE_SET, SEVERAL_SETS = "one query set", "several query sets"
KINDS = frozenset({ONE_SET, SEVERAL_SETS, A_NUMBER, AUTO})
"""Which kind of value a suite has: pydantic puts it into the place of an error."""
Concurrency = Annotated[
    Annotated[int, BeforeValidator(_number), Field(ge=1, le=1024), Tag(A_NUMBER)]
    | Annotated[Literal["auto"], Tag(AUTO)],
    Discriminator(lambda given: AUTO if given == AUTO else A_NUMBER),
]
"""Calls in flight, or `auto`: as many as the engine works on at once, by its own gauges."""


def places_at_first(concurrency: int | Literal["auto"]) -> int:
    """Return how many calls may be in flight when an arm begins; `auto` adapts that."""
    return AUTO_FIRST if concurrency == AUTO else concurrency


def _within_concurrency(workers: int, info: ValidationInfo) -> int:
    concurrency = info.data.get("concurrency", workers)  # missing where it is wrong itself
    if workers > 1 and concurrency == AUTO:
        raise ValueError("several workers need a fixed concurrency; concurrency: auto uses one worker")
    if concurrency != AUTO and workers > concurrency:
        raise ValueError(
            f"{workers} workers need at least {workers} calls in flight, not {concurrency}; raise concurrency"
        )
    return workers


Workers = Annotated[int, BeforeValidator(_number), Field(ge=1, le=256), AfterValidator(_within_concurrency)]
"""Processes that ask; each gets its part of the concurrency, which is above this key in a suite."""


LANGUAGES_WITHOUT_STEMMER = ("chinese", "korean", "none")
"""The two that have stop words alone, and `none`, which fits every language."""


def _known_language(language: str) -> str:
    import Stemmer  # noqa: PLC0415 - only a suite needs it, not every command

    known = sorted((*Stemmer.algorithms(), *LANGUAGES_WITHOUT_STEMMER))
    if language not in known:
        raise ValueError(f"no stemmer or stop words for this language. Use none, or one of: {', '.join(known)}")
    return language


Language = Annotated[str, AfterValidator(_known_language)]


def _each_once(named: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(named, str):
        return named
    if not named:
        raise ValueError("needs a query set")
    if len(set(named)) != len(named):
        raise ValueError("a query set appears twice")
    return named[0] if len(named) == 1 else named


QuerySetNames = Annotated[
    Annotated[PlainText, Tag(ONE_SET)] | Annotated[tuple[PlainText, ...], Tag(SEVERAL_SETS)],
    Discriminator(lambda given: SEVERAL_SETS if isinstance(given, list | tuple) else ONE_SET),
    AfterValidator(_each_once),
]
"""A query set, or several that are asked together."""


_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_NO_KEY = "a key in the engine's URL would be stored; put it into an environment variable (api_key_env, --api-key-env)"
_BETWEEN_URLS = ","


def _checked_engine(engine: str) -> str:
    """Return the engine as it is stored: a profile's name, or URLs whose schemes are in small letters.

    Raises:
        ValueError: Neither of them, a URL with more than a host and a path, or one that is named twice. The text never
            repeats what was given: a key may be in it.
    """
    engine = engine.strip()
    if _PROFILE.fullmatch(engine):
        return engine
    urls = [_checked_url(url.strip()) for url in engine.split(_BETWEEN_URLS)]
    if len({url.rstrip("/") for url in urls}) != len(urls):
        raise ValueError("an engine's URL appears twice")
    return _BETWEEN_URLS.join(urls)


def _checked_url(url: str) -> str:
    if re.search(r"[@?#]", url):
        raise ValueError(_NO_KEY)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("neither a profile name nor an engine URL such as http://127.0.0.1:8000")
    return parts._replace(scheme=parts.scheme.lower()).geturl()


def _on_one_line(given: object) -> object:
    """Write a list of URLs as the command line takes it."""
    if isinstance(given, list | tuple) and all(isinstance(url, str) for url in given):
        if not given:
            raise ValueError("has no engine")
        return _BETWEEN_URLS.join(given)
    return given


EngineAddress = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=20_000),
    BeforeValidator(_on_one_line),
    AfterValidator(_checked_engine),
]
"""A profile to start, the URL of a running engine, or those of several that serve the same."""


class AlertOverride(BaseModel):
    """What a suite may change about one alert rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_n: Count | None = Field(default=None, ge=1)
    test: str | None = None
    for_evals: Count | None = Field(default=None, ge=1)


class Price(BaseModel):
    """What a run costs: per token, or per hour of the GPUs that it keeps busy."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    prompt: Measure | None = Field(default=None, ge=0)
    """For 1,000,000 prompt tokens."""
    completion: Measure | None = Field(default=None, ge=0)
    """For 1,000,000 completion tokens."""
    cached: Measure | None = Field(default=None, ge=0)
    """For 1,000,000 prompt tokens from the prefix cache; by default they cost what the others do."""
    gpu_hour: Measure | None = Field(default=None, ge=0)
    """For one hour of one GPU."""
    gpus: Count | None = Field(default=None, ge=1)
    """GPUs that the engine runs on."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _refuse_halves(self) -> Self:
        per_token, per_hour = (self.prompt, self.completion), (self.gpu_hour, self.gpus)
        others = (per_hour, (*per_token, self.cached))
        for whole, other in zip((per_token, per_hour), others, strict=True):
            if None not in whole and not any(value is not None for value in other):
                return self
        raise ValueError("set prompt and completion (and cached, if it has its own price), or gpu_hour and gpus")
