"""What every system is asked, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from docmind_core.errors import NoAnswer
from docmind_core.serving.recording_proxy import Address
from docmind_core.suites.systems import ANSWER_PATHS, SystemSpec
from docmind_core.systems.results import read_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question as a system is given it: no gold answers."""

    query_id: str
    text: str
    history: Sequence[Mapping[str, str]]
    """Earlier turns: role and content."""
    address: Address
    model: str

    def variables(self, spec: SystemSpec) -> dict[str, str]:
        """Return the environment variables that are set for this question."""
        return variables(spec, self.address, self.model)

    def as_json(self, *, with_address: bool) -> dict[str, object]:
        """Return what a command and a url are given."""
        fields: dict[str, object] = {
            "query_id": self.query_id,
            "question": self.text,
            "history": [dict(said) for said in self.history],
        }
        if with_address:
            fields |= {
                "base_url": self.address.base_url,
                "api_key": self.address.api_key,
                "model": self.model,
                "search_url": self.address.search_url,
            }
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAnswer:
    """What a system answered."""

    text: str
    sources: tuple[str, ...] | None
    """Ids of what it read, best first; None where it does not say."""


class SystemUnderTest(Protocol):
    """One system, from its start to its end."""

    async def start(self) -> None:
        """Bring it to where it can be asked.

        Raises:
            UsageError: If it can't be loaded.
        """
        ...

    async def ask(self, question: Question) -> SystemAnswer:
        """Put one question to it; may be called again before it has answered.

        Raises:
            SystemFailed: An exception of its own, or an error status.
            SystemExited: Its process ended.
            NoAnswer: It returned something without an answer.
        """
        ...

    async def close(self) -> None:
        """End it and everything it has started."""
        ...


def variables(spec: SystemSpec, address: Address, model: str) -> dict[str, str]:
    """Return the environment variables of a system: what OpenAI's clients read, and what the suite sets."""
    values = {
        "{base_url}": address.base_url,
        "{api_key}": address.api_key,
        "{model}": model,
        "{search_url}": address.search_url,
    }
    given = {
        "OPENAI_BASE_URL": "{base_url}",
        "OPENAI_API_BASE": "{base_url}",
        "OPENAI_API_KEY": "{api_key}",
        **spec.env,
    }
    for name, text in given.items():
        for place, value in values.items():
            text = text.replace(place, value)  # noqa: PLW2901
        given[name] = text
    return given


def answer_paths(spec: SystemSpec) -> tuple[str, ...]:
    """Return where the answer is looked for."""
    return (spec.answer,) if spec.answer else ANSWER_PATHS


def answer_in(result: object, spec: SystemSpec) -> SystemAnswer:
    """Return the answer in what a system sent.

    Raises:
        NoAnswer: If there is none at its place.
    """
    return read_answer_of(read_result(result, answer_paths(spec), spec.sources), spec)


def read_answer_of(found: Mapping[str, object], spec: SystemSpec) -> SystemAnswer:
    """Return the answer of what `results.read_result` found.

    Raises:
        NoAnswer: If there is none at its place.
    """
    text, sources = found.get("answer"), found.get("sources")
    if not isinstance(text, str):
        keys = found.get("keys")
        there = ", ".join(map(str, keys)) if isinstance(keys, list) and keys else "nothing"
        places = ", ".join(answer_paths(spec))
        raise NoAnswer(f"the result has no text at {places}; it contains {there}. Set `answer` of the system.")
    return SystemAnswer(text=text, sources=tuple(map(str, sources)) if isinstance(sources, list) else None)
