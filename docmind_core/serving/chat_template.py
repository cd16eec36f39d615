"""A model's chat template, rendered as transformers and vLLM render it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from docmind_core.errors import EngineError

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE_FILE = "chat_template.jinja"
CONFIG_FILE = "tokenizer_config.json"


def has_chat_template(folder: Path) -> bool:
    """Whether a model's folder holds a template that can be rendered here."""
    return _source(folder, _config(folder)) is not None


class ChatTemplate:
    """The template of the model in one folder, with the model's special tokens."""

    def __init__(self, folder: Path) -> None:
        config = _config(folder)
        source = _source(folder, config)
        if source is None:
            raise EngineError(f"{folder} has no chat template, neither {TEMPLATE_FILE} nor an entry in {CONFIG_FILE}.")
        self._name = folder.name
        self._template = _compiled(source)
        self._tokens = _special_tokens(config)

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt of a request, up to where the model continues.

        Raises:
            EngineError: If the template takes no such messages: the engine would refuse each of them as well.
        """
        from jinja2 import TemplateError  # noqa: PLC0415 - with the template

        try:
            return self._template.render(messages=messages, add_generation_prompt=True, **self._tokens)
        except TemplateError as error:
            roles = " and ".join(f"a {message['role']} message" for message in messages)
            raise EngineError(
                f"the chat template of {self._name} rejects {roles}: {error}. Every prompt has both; serve the "
                "model with a template that accepts a system message (--chat-template)."
            ) from error


def _config(folder: Path) -> Mapping[str, Any]:
    path = folder / CONFIG_FILE
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineError(f"{path} is not JSON: {error}") from error
    return config if isinstance(config, dict) else {}


def _source(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Return the template's text: its own file, as newer models have it, before the tokenizer's config."""
    if (folder / TEMPLATE_FILE).is_file():
        return (folder / TEMPLATE_FILE).read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):  # several, by name
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def _special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """Return bos_token, eos_token and their kin; older configs write them as objects."""
    found = {}
    for name, value in config.items():
        text = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            found[name] = text
    return found


def _compiled(source: str) -> "Template":
    """Compile a template as transformers does: sandboxed, blocks trimmed, with what templates call."""
    from jinja2 import TemplateError  # noqa: PLC0415 - jinja2 is loaded with a run
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    def raise_exception(message: str) -> Never:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=False, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _strftime_now
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise EngineError(f"the model's chat template can't be read: {error}") from error


def _to_json(value: Any, indent: int | None = None) -> str:
    """Dump without the escapes for HTML that jinja2's own filter adds."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _strftime_now(form: str) -> str:
    """Return today in a template's words, in local time as the engine on this machine has it."""
    return datetime.now(UTC).astimezone().strftime(form)
