"""A system under test that the user brings: how it is asked, and where its answer is."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from docmind_core.suites.plain_values import PlainText, Switch

SystemName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

KINDS = ("graph", "callable", "command", "url")
ANSWER_PATHS = ("answer", "output", "messages[-1].content")
"""Where an answer is looked for when the suite does not say."""


class AgentMarks(BaseModel):
    """What the requests of an agent have in common; all that is given has to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tools: tuple[str, ...] | None = None
    """Names of its tools, in any order, and no others."""
    system_prompt_starts: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _refuse_no_marks(self) -> Self:
        if self.tools is None and self.system_prompt_starts is None:
            raise ValueError("set what its requests have in common: tools, system_prompt_starts, or both")
        return self

    def fit(self, system_prompt: str, tools: frozenset[str]) -> bool:
        """Whether a request is this agent's."""
        if self.tools is not None and frozenset(self.tools) != tools:
            return False
        return self.system_prompt_starts is None or system_prompt.lstrip().startswith(self.system_prompt_starts)


class SystemSpec(BaseModel):
    """One entry of `systems:`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    graph: PlainText | None = None
    """`file.py:name` or `package.module:name`: a compiled LangGraph graph, or a function that returns one."""
    callable: PlainText | None = None
    """`file.py:name` or `package.module:name`: question[, history] -> text or mapping, async or not."""
    command: tuple[PlainText, ...] | None = Field(default=None, min_length=1)
    """Started once per question: one line of JSON in, one line of JSON out."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s\x00-\x1f]{1,1000}$")] | None = None
    """Takes a POST of the same JSON."""
    input: dict[str, Any] | None = None
    """Of a graph: what it is invoked with; "{question}" and "{history}" are filled in."""
    answer: str | None = None
    """JMESPath of the answer in the result; by default the first of `ANSWER_PATHS` that holds a text."""
    sources: str | None = None
    """JMESPath of the ids of the documents or chunks that it read, best first."""
    agents: dict[str, AgentMarks] = Field(default_factory=dict)
    """Names of agents, by what their requests have in common."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables; {base_url}, {api_key}, {model} and {search_url} are filled in for each question."""
    search_tool: Switch = False
    """Whether the query set's index can be searched at {search_url}."""
    compared_with: str = "single_pass"
    folder: PlainText | None = None
    """Where relative paths, imports and commands begin; by default the folder of the suite's file."""

    @model_validator(mode="after")
    def _refuse_another_number_of_kinds(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"set exactly one of {', '.join(KINDS)}; found {', '.join(given) or 'none'}")
        if self.input is not None and self.graph is None:
            raise ValueError(f"input is only valid for a graph; a {given[0]} receives the question itself")
        return self

    @field_validator("graph", "callable")
    @classmethod
    def _refuse_a_place_without_a_name(cls, place: str | None) -> str | None:
        if place is not None and not all(place.rpartition(":")[::2]):
            raise ValueError("write file.py:name or package.module:name")
        return place

    @field_validator("answer", "sources")
    @classmethod
    def _refuse_bad_paths(cls, path: str | None) -> str | None:
        import jmespath  # noqa: PLC0415 - only suites with a path need it

        if path is not None:
            try:
                jmespath.compile(path)
            except jmespath.exceptions.JMESPathError as error:
                raise ValueError(f"not a JMESPath: {str(error).splitlines()[0]}") from error
        return path

    @property
    def kind(self) -> str:
        """`graph`, `callable`, `command` or `url`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def place(self) -> str | None:
        """`file.py:name` or `package.module:name` of what is loaded; None for a command or a url."""
        return self.graph or self.callable

    @property
    def logs(self) -> str:
        """What will be known of what it read: `passages`, `searches` or `nothing`."""
        return "passages" if self.sources else "searches" if self.search_tool else "nothing"

    def placed_in(self, folder: Path) -> "SystemSpec":
        """Return the system with its folder in full: `folder` where it names none, and relative to it otherwise."""
        return self.model_copy(update={"folder": str((folder / self.folder).resolve() if self.folder else folder)})

    def agent_of(self, system_prompt: str, tools: frozenset[str]) -> str | None:
        """Return the one agent whose marks a request has; None where there is none, or more than one."""
        found = [name for name, marks in self.agents.items() if marks.fit(system_prompt, tools)]
        return found[0] if len(found) == 1 else None

    @property
    def missing_file(self) -> Path | None:
        """The file that a graph or a callable is to be loaded from, where there is none."""
        file = (self.place or "").rpartition(":")[0]
        path = Path(self.folder or ".") / file
        return path if file.endswith(".py") and not path.is_file() else None

    def source_files(self) -> tuple[Path, ...]:
        """Return the files of the system that its suite names: what a change of is found by."""
        folder = Path(self.folder or ".")
        words = (self.place.rpartition(":")[0],) if self.place else self.command or ()
        return tuple(path for word in words if (path := folder / word).is_file())
