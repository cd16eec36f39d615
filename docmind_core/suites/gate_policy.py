"""The policy of a gate: which metrics a candidate must not be worse in, and by how much it may be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.metrics.catalogue import METRICS
from docmind_core.suites.plain_values import Count, Measure, PlainText, Switch
from docmind_core.suites.plain_yaml import Lines, PlainYamlError, read_plain_yaml

MARGIN = 0.05
DEFAULT_METRICS = ("passed", "good_ratio", "billed_tokens")
POLICY_BYTES_MAX = 64 * 1024


class MetricPolicy(BaseModel):
    """What a gate asks of one metric."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    margin: Measure = Field(default=MARGIN, gt=0)
    """How much worse the candidate may be: a share of the queries, for tokens and calls a share of the baseline's, for
    a user's metric that is not a share in its own unit."""


class GatePolicy(BaseModel):
    """One policy file, validated; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    candidate: PlainText = "latest"
    """A run id, a benchmark run, or `latest`."""
    baseline: PlainText = "baseline"
    """The same, or `baseline`: what is pinned."""
    arms: tuple[PlainText, ...] = ()
    """Arms that are judged; all that both runs have when empty."""
    metrics: dict[str, MetricPolicy] = Field(default={name: MetricPolicy() for name in DEFAULT_METRICS}, min_length=1)
    """All of them must hold."""
    min_n: Count | None = Field(default=None, ge=2)
    """Fewest independent queries that show non-inferiority; by default the suite's, else 300."""
    allow: tuple[PlainText, ...] = ()
    """Fields that may differ, since the comparison is about them."""
    claim_without_ledger: Switch = False
    """Whether tokens count although the engine has no counters to balance them with; a wrong ledger never does."""

    @field_validator("metrics", mode="before")
    @classmethod
    def _default_margins(cls, value: Any) -> Any:
        """Let a policy list the names alone, or give a name without a value."""
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {name: {} for name in value}
        return (
            {name: {} if one is None else one for name, one in value.items()} if isinstance(value, Mapping) else value
        )

    @field_validator("metrics")
    @classmethod
    def _refuse_whole_margins(cls, metrics: dict[str, MetricPolicy]) -> dict[str, MetricPolicy]:
        """A margin of a metric of the catalogue is a share: 0.05, not 5."""
        whole = [name for name, asked in metrics.items() if name in METRICS and asked.margin >= 1]
        if whole:
            raise ValueError(f"{whole[0]}.margin: a share less than 1, such as 0.05")
        return metrics


def read_policy(path: Path | None) -> GatePolicy:
    """Return the policy of a file; the default one without a file.

    Raises:
        UsageError: If it can't be read or is not valid; each problem names file, line and field.
    """
    if path is None:
        return GatePolicy()
    content, lines = _read(path)
    if content is not None and not isinstance(content, dict):
        raise UsageError(f"{path}: a policy must be a mapping, such as metrics: [passed, billed_tokens]")
    try:
        return GatePolicy.model_validate(content or {})
    except ValidationError as error:
        problems = [_problem(path, one, lines) for one in error.errors(include_url=False)]
        raise UsageError("; ".join(problems)) from error


def _read(path: Path) -> tuple[Any, Lines]:
    try:
        if path.stat().st_size > POLICY_BYTES_MAX:
            raise UsageError(f"{path}: larger than {POLICY_BYTES_MAX // 1024} KiB, the limit for a policy")
        return read_plain_yaml(path.read_text("utf-8"))
    except PlainYamlError as error:
        where = path if error.line is None else f"{path}:{error.line}"
        raise UsageError(f"{where}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        problem = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"{path}: cannot be read ({problem})") from error


def _problem(path: Path, found: Mapping[str, Any], lines: Lines) -> str:
    line = lines.of(found["loc"])
    field = ".".join(map(str, found["loc"])) or "policy"
    said = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        model = GatePolicy if len(found["loc"]) == 1 else MetricPolicy
        meant = did_you_mean(str(found["loc"][-1]), model.model_fields)
        said = f"unknown key.{meant} Known: {', '.join(sorted(model.model_fields))}"
    return f"{path}{'' if line is None else f':{line}'}: {field}: {said}"
