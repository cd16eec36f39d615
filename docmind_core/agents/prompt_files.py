"""The prompts: one Markdown file each, read once, hashed together."""

import hashlib
from functools import cache
from importlib import resources


@cache
def read_prompt(name: str) -> str:
    """Return the text of `prompts/<name>.md` without surrounding blank lines."""
    return (resources.files("docmind_core.agents") / "prompts" / f"{name}.md").read_text("utf-8").strip()


@cache
def prompt_hash() -> str:
    """Return the sha256 over all prompt files: runs with different prompts aren't comparable."""
    digest = hashlib.sha256()
    folder = resources.files("docmind_core.agents") / "prompts"
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".md"):
            digest.update(entry.name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return digest.hexdigest()
