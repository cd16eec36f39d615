"""The user's engine profiles: `DOCMIND_HOME/engines/<name>.yaml`."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from docmind_core.errors import EngineStartError, UsageError
from docmind_core.metrics.limit_problems import limit_problems
from docmind_core.plugins import absolute_reference, load_plugin
from docmind_core.serving.bundled_model import PreparedModel, sha256_of
from docmind_core.serving.dialects import PLAIN_OPENAI, VLLM, Dialect
from docmind_core.settings import Settings
from docmind_core.suites.plain_values import Measure, PlainText, Switch
from docmind_core.suites.plain_yaml import PlainYamlError, read_plain_yaml

BYTES_MAX = 64 * 1024
_OURS = ("--host", "--port", "--served-model-name", "--model")
_DIALECTS: dict[str, Dialect] = {"vllm": VLLM, "plain_openai": PLAIN_OPENAI}
_OF_A_DIALECT = (
    *("name", "choices", "metrics_route", "tokenize_route", "reset_route", "cached_unsaid", "body", "reply_text"),
)
_WEIGHTS = ("*.safetensors", "*.gguf", "*.bin")


def _word(value: object) -> object:
    """Take a number for the word that it is written as: `--max-model-len, 8192`."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Word = Annotated[PlainText, BeforeValidator(_word)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class ProfileFile(BaseModel):
    """One profile file, validated; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    model: PlainText
    """Folder or file of the model; a relative one is in the home."""
    served_model_name: PlainText | None = None
    """What the engine calls it; by default the name of the profile."""
    flags: tuple[Word, ...] = ()
    environment: dict[VariableName, Word] = Field(default_factory=dict)
    dialect: PlainText | None = None
    """`vllm`, `plain_openai`, or a custom dialect; by default vLLM's, or what `command` turns out to speak."""
    plumbing: Switch = False
    """A smoke-test model: its results get no letter and no claim."""
    limits: dict[str, Measure] = Field(default_factory=dict)
    """Limits that go with the hardware, instead of the guide's; a suite's own come first."""
    command: tuple[Word, ...] = ()
    """Starts a server that is not vLLM; {model} and {port} are filled in, the flags come after it."""
    start_timeout_s: Measure = Field(default=900.0, gt=0)
    shutdown_timeout_s: Measure = Field(default=30.0, ge=0)

    @field_validator("flags")
    @classmethod
    def _refuse_reserved_flags(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        if given := [flag for flag in flags if flag.partition("=")[0] in _OURS]:
            raise ValueError(f"{given[0]} is set by the platform; remove it")
        return flags

    @field_validator("command")
    @classmethod
    def _refuse_a_command_without_a_port(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and not any("{port}" in word for word in command):
            raise ValueError("{port} is missing: the server must listen on the given port")
        return command

    @field_validator("limits")
    @classmethod
    def _refuse_bad_limits(cls, limits: dict[str, float]) -> dict[str, float]:
        for _, problem in limit_problems(limits, {}):
            raise ValueError(problem)
        return limits


def profiles_folder(settings: Settings) -> Path:
    """Return the folder of the user's profiles."""
    return settings.home / "engines"


def read_profile_file(path: Path) -> ProfileFile:
    """Read one profile.

    Raises:
        UsageError: With every problem, `file:line: field: problem` a line.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            raise UsageError(f"{path}: larger than {BYTES_MAX // 1024} KiB, the limit")
        content, lines = read_plain_yaml(path.read_text("utf-8-sig"))
        return ProfileFile.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{path}:{lines.of(problem['loc']) or 1}: {'.'.join(map(str, problem['loc'])) or 'profile'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise UsageError("\n".join(problems)) from error
    except PlainYamlError as error:
        raise UsageError(f"{path}:{error.line or 1}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"{path}: can't be read: {reason}") from error


def profile_hashes(settings: Settings, name: str) -> dict[str, str]:
    """Return the sha256 of a user's profile file and its dialect, by readable name."""
    path = profiles_folder(settings) / f"{name}.yaml"
    if not path.is_file():
        return {}
    found = {f"engine profile {name}": sha256_of(path)}
    reference = read_profile_file(path).dialect
    if reference is not None and reference not in _DIALECTS:
        found[reference] = load_plugin(absolute_reference(reference, path.parent)).sha256
    return found


def dialect_of(reference: str | None, folder: Path) -> Dialect | None:
    """Return the dialect that a profile names; None where it names none.

    Raises:
        UsageError: If it is not one.
    """
    if reference is None or reference in _DIALECTS:
        return None if reference is None else _DIALECTS[reference]
    found: Any = load_plugin(absolute_reference(reference, folder)).loaded
    found = found() if isinstance(found, type) else found
    if missing := [name for name in _OF_A_DIALECT if not hasattr(found, name)]:
        raise UsageError(f"{reference} is not a dialect: it lacks {', '.join(missing)}")
    return found  # type: ignore[no-any-return]


def model_finder(profile: ProfileFile, path: Path) -> Callable[[Settings, Callable[[str], None]], PreparedModel]:
    """Return a function that finds the model of a profile read from `path`."""

    def prepare(settings: Settings, announce: Callable[[str], None]) -> PreparedModel:
        model = settings.home / Path(profile.model).expanduser()
        if not model.exists():
            raise EngineStartError(f"{path}: model: {model} does not exist. Put a model folder there.")
        files = [model] if model.is_file() else sorted(file for kind in _WEIGHTS for file in model.glob(kind))
        if not files:
            raise EngineStartError(f"{path}: model: {model} contains no weights ({', '.join(_WEIGHTS)}).")
        announce(f"hashing the weights in {model}")
        weights = hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()
        return PreparedModel(folder=model, revision=f"local:{model.name}", weights_hash=weights)

    return prepare
