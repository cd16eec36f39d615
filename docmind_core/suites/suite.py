"""The suite: what one benchmark runs, on what, and within which limits."""

import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from docmind_core.errors import SuiteError, UsageError, did_you_mean
from docmind_core.metrics.limit_problems import limit_problems
from docmind_core.metrics.metric import Metric
from docmind_core.plugins import absolute_query_set, absolute_reference
from docmind_core.settings import CHANNEL_NAME
from docmind_core.suites.executor import Executor, SuiteExecutor
from docmind_core.suites.own_metrics import OwnMetric, Scorer, reference_of
from docmind_core.suites.plain_values import (
    AlertOverride,
    Concurrency,
    Count,
    EngineAddress,
    Language,
    Measure,
    PlainText,
    Price,
    QuerySetNames,
    Switch,
    Workers,
)
from docmind_core.suites.plain_yaml import PlainYamlError, read_plain_yaml
from docmind_core.suites.suite_problems import problem_lines, without_problems
from docmind_core.suites.systems import SystemName, SystemSpec

Level = Literal["fast", "balanced", "thorough"]
Routing = Literal["fixed", "dependencies", "free"]
Strategy = Literal["keyword_search", "semantic_search", "hybrid_search"]

SUITE_BYTES_MAX = 64 * 1024
REPLICATES_MAX = 100


class Suite(BaseModel):
    """One suite file, validated; unknown keys are refused."""

    # Inputs are hidden in errors: a secret key in the wrong place would be stored with the traceback.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    query_set: QuerySetNames
    limit: Count | None = Field(default=None, ge=1)
    arms: tuple[str, ...] = Field(default=("single_pass", "naive_supervisor"), min_length=1)
    systems: dict[SystemName, SystemSpec] = Field(default_factory=dict)
    """The user's systems: each is an arm by its name."""
    level: Level = "balanced"
    routing: Routing = "fixed"
    strategy: Strategy = "keyword_search"
    """How the arms without a router search."""
    strategies: tuple[Strategy, ...] = Field(default=("keyword_search",), min_length=1)
    """What a router may choose from."""
    language: Language = "english"
    """Of stop words and stemmer in keyword search; `none` has neither."""
    replicates: Count = Field(default=1, ge=1, le=REPLICATES_MAX)
    concurrency: Concurrency = 4
    workers: Workers = 1
    blocks: Count = Field(default=1, ge=1, le=1000)
    """Parts that the queries are cut into: the arms take turns in each, so that their times can be compared."""
    warmup: Count = Field(default=1, ge=0, le=100)
    """Queries that each arm answers before its first measured one; their rows have the phase `warmup`."""
    seed: Count = 0
    engine: EngineAddress = "cpu-smollm2"
    """A profile to start, the URL of a running engine, or those of several replicas, between commas or as a list."""
    model: PlainText | None = None
    """The model to ask for; by default the only one that the engine serves."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the engine's key."""
    executor: SuiteExecutor = Executor()
    """Where shards are answered."""
    plumbing: Switch = False
    """A smoke-test model: its results get no letter and no claim."""
    deadline_s: Measure = Field(default=300.0, gt=0)
    """For one query, all its calls and searches together."""
    agent_deadline_s: Measure | None = Field(default=None, gt=0)
    """For one step of an agent; by default only the query's deadline ends it."""
    top_k: Count | None = Field(default=None, ge=1, le=100)
    """Passages that an answer is based on, in every arm; by default the level's own number."""
    answer_max_tokens: Count = Field(default=64, ge=1, le=32768)
    context_budget: Count = Field(default=2048, ge=128, le=1_048_576)
    """Prompt tokens that an agent may use in the arms with the lever `context_budget`; the guide has 2K, 4K and 8K."""
    metrics: tuple[Scorer, ...] = ()
    """The user's scorers, like `my_scorers.py:answer_words`; in a frozen suite, what they say of their metrics."""
    limits: dict[str, Measure] = Field(default_factory=dict)
    min_n: Count | None = Field(default=None, ge=1)
    claim_without_ledger: Switch = False
    """A saving may be claimed though the ledger could not be balanced; the report says so. A wrong ledger never."""
    price: Price | None = None
    alerts: dict[str, AlertOverride] = Field(default_factory=dict)
    schedule: str | None = None
    """Cron expression; the schedule exists in Dagster and is stopped until it is started."""
    timezone: str = "UTC"
    channels: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _add_systems_to_arms(cls, content: Any) -> Any:
        """Let each system be an arm; next to systems, the only arm by default is the one they are compared with."""
        if not isinstance(content, dict) or not isinstance(systems := content.get("systems"), dict) or not systems:
            return content
        arms = content.get("arms", ("single_pass",))
        if not isinstance(arms, list | tuple):
            return content
        return {**content, "arms": [*arms, *(name for name in systems if name not in arms)]}

    @field_validator("arms", "strategies")
    @classmethod
    def _refuse_repeats(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError(f"{'an arm' if info.field_name == 'arms' else 'a strategy'} appears twice")
        return names

    @field_validator("api_key_env")
    @classmethod
    def _refuse_a_key_itself(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("not the name of an environment variable; put the key itself into that variable")
        return name

    @field_validator("channels")
    @classmethod
    def _refuse_urls_of_channels(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if all(CHANNEL_NAME.fullmatch(channel) for channel in channels):
            return channels
        # The text is not shown: it may be the URL itself, with its token.
        raise ValueError(
            "an entry is not a name of lower-case letters, digits, - and _. Write a name here, "
            "and its URL into the environment: DOCMIND_CHANNEL_<NAME>"
        )

    @field_validator("schedule")
    @classmethod
    def _refuse_bad_cron(cls, schedule: str | None) -> str | None:
        if schedule is not None and not re.fullmatch(r"\S+( \S+){4}", schedule.strip()):
            raise ValueError('not a cron expression of five fields, for example "0 2 * * *"')
        return schedule

    @field_validator("timezone")
    @classmethod
    def _refuse_unknown_timezones(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError('unknown timezone; write it like "Europe/Berlin"') from error
        return timezone

    @property
    def searched_strategies(self) -> tuple[str, ...]:
        """Every strategy that some arm may use, each once; the index is opened for these."""
        return tuple(dict.fromkeys((self.strategy, *self.strategies)))

    @property
    def query_sets(self) -> tuple[str, ...]:
        """What `query_set` names, one or more."""
        return (self.query_set,) if isinstance(self.query_set, str) else self.query_set

    def system(self, arm: str) -> SystemSpec | None:
        """Return the system that an arm is, its second run `NAME.again` among them; None for a built-in arm."""
        return self.systems.get(arm.removesuffix(".again"))

    @property
    def defined_metrics(self) -> tuple[OwnMetric, ...]:
        """The user's metrics, as far as their scorers were loaded: all of them in a frozen suite."""
        return tuple(entry for entry in self.metrics if isinstance(entry, OwnMetric))

    @property
    def own_metrics(self) -> dict[str, Metric]:
        """The same by name, as entries of the catalogue."""
        return {own.name: own.metric for own in self.defined_metrics}

    @property
    def engine_is_remote(self) -> bool:
        """Whether `engine` is the URL of a server that someone else runs."""
        return self.engine.startswith(("http://", "https://"))


def bundled_suite_names() -> tuple[str, ...]:
    """Names of the suites that come with the package, sorted."""
    folder = resources.files("docmind_core.suites") / "bundled"
    return tuple(sorted(entry.name[: -len(".yaml")] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_suite(name_or_path: str) -> Suite:
    """Read a bundled suite by its name, or a suite file by its path.

    A relative `query_set` in a file is taken from that file's folder, and so are the files of scorers and readers, and
    the paths of `systems`. The user's code does not run.

    Raises:
        UsageError: If there is no such suite.
        SuiteError: If the file is not a valid suite; every problem is named.
    """
    if name_or_path in bundled_suite_names():
        text = (resources.files("docmind_core.suites") / "bundled" / f"{name_or_path}.yaml").read_text("utf-8")
        return parse_suite(text, source=f"bundled suite {name_or_path}")
    path = Path(name_or_path)
    try:
        is_file = path.is_file()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise UsageError(f"{name_or_path} can't be reached: {error.strerror}.") from error
    if not is_file:
        known, meant = ", ".join(bundled_suite_names()), did_you_mean(name_or_path, bundled_suite_names())
        raise UsageError(
            f"there is no suite {name_or_path!r}.{meant} Use a bundled one ({known}) or the path of a YAML file."
        )
    try:
        return _placed_in(path.parent, parse_suite(suite_text(path), source=str(path)))
    except SuiteError as error:
        if isinstance(error.rest, Suite):
            error.rest = _placed_in(path.parent, error.rest)
        raise


def _placed_in(folder: Path, suite: Suite) -> Suite:
    systems = {name: system.placed_in(folder.resolve()) for name, system in suite.systems.items()}
    sets = tuple(absolute_query_set(named, folder) for named in suite.query_sets)
    query_set = sets[0] if len(sets) == 1 else sets
    metrics = tuple(absolute_reference(reference_of(entry), folder) for entry in suite.metrics)
    return suite.model_copy(update={"query_set": query_set, "systems": systems, "metrics": metrics})


def persistent_name(name_or_path: str) -> str:
    """Return what names the same suite from every folder: a bundled name as it is, a path in full."""
    return name_or_path if name_or_path in bundled_suite_names() else str(Path(name_or_path).resolve())


def suite_text(path: Path) -> str:
    """Return the text of a suite file.

    Raises:
        SuiteError: If it can't be read, is too large for a suite, or is not UTF-8.
    """
    try:
        if path.stat().st_size > SUITE_BYTES_MAX:
            raise SuiteError(f"{path}: larger than {SUITE_BYTES_MAX // 1024} KiB, the limit for a suite.")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path}: not UTF-8 text (byte {error.start + 1}); save it as UTF-8.") from error
    except OSError as error:
        raise SuiteError(f"{path}: can't be read: {error.strerror or error}") from error


def parse_suite(text: str, *, source: str) -> Suite:
    """Validate the text of a suite; `source` names it in errors.

    Raises:
        SuiteError: With every problem found, one a line: `source:line: field: problem`.
    """
    try:
        content, lines = read_plain_yaml(text)
    except PlainYamlError as error:
        where = f"{source}:{error.line}" if error.line is not None else source
        raise SuiteError(f"{where}: {error}") from error
    if not isinstance(content, dict):
        raise SuiteError(f"{source}: a suite must be a mapping with at least name, query_set and arms.")
    found: list[Any] = []
    suite: Suite | None = None
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
        with suppress(ValidationError):
            suite = Suite.model_validate(without_problems(content, found))
    if suite is not None:
        found += [{"type": "limit", "loc": at, "msg": problem} for at, problem in limit_problems_of(suite)]
        if not found:
            return suite
    refused = SuiteError(problem_lines(source, found, lines, Suite.model_fields))
    refused.rest = suite
    raise refused


def limit_problems_of(suite: Suite) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the place and the problem of each limit that can't be served; one on a scorer not loaded yet may be."""
    alerts = {name: (alert.test, alert.min_n or suite.min_n) for name, alert in suite.alerts.items()}
    is_loaded = len(suite.defined_metrics) == len(suite.metrics)
    yield from limit_problems(suite.limits, alerts, suite.own_metrics if is_loaded else None)
