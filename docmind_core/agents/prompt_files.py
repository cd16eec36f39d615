"""The prompts: one Markdown file each, read once, hashed together."""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from docmind_core.serving.chat import Example

_TURN = re.compile(r"^(?:user|assistant):\n", re.MULTILINE)


@cache
def read_prompt(name: str) -> str:
    """Return the text of `prompts/<name>.md` without surrounding blank lines."""
    return (resources.files("docmind_core.agents") / "prompts" / f"{name}.md").read_text("utf-8").strip()


@cache
def answer_examples() -> tuple[Example, ...]:
    """Return the worked examples that every arm sends before the call that writes its answer."""
    _, *turns = (text.strip() for text in _TURN.split(read_prompt("answer_examples")))
    return tuple(Example(user=user, assistant=reply) for user, reply in zip(turns[::2], turns[1::2], strict=True))


@cache
def prompt_hash() -> str:
    """Return the sha256 over all prompt files: runs with different prompts aren't comparable."""
    digest = hashlib.sha256()
    for name, content in _prompts():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


@cache
def prompt_hashes() -> dict[str, str]:
    """Return the first 16 digits of the sha256 of each prompt, by its name: which one has changed."""
    return {name.removesuffix(".md"): hashlib.sha256(content).hexdigest()[:16] for name, content in _prompts()}


def _prompts() -> Iterator[tuple[str, bytes]]:
    folder = resources.files("docmind_core.agents") / "prompts"
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".md"):
            yield entry.name, entry.read_bytes()
