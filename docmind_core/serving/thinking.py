"""Separating a model's thinking from its reply, where the engine leaves both in one text.

An engine with a reasoning parser sends the thinking in a field of its own. Without one it arrives inside the text,
between tags that depend on the model; many chat templates write the opening tag themselves, so that the text has only
the closing one.
"""

import re
from collections.abc import Sequence

_TAG = re.compile(
    r"(?<!`)(?:<\s*(/?)\s*(?:think(?:ing)?|thought|reasoning)\b[^<>]*>|\[(/?)THINK\]"
    r"|\N{WHITE LEFT-POINTING TRIANGLE}(/?)think\N{WHITE RIGHT-POINTING TRIANGLE})(?!`)",
    re.IGNORECASE,
)
"""A tag in backticks is something that the text is about."""


def split_thinking(text: str) -> tuple[str, str | None]:
    """Return the reply without the thinking, and the thinking; None when there is none.

    Tags may be nested, in any case, and there may be several blocks. What is before a closing tag alone was thought,
    and so is what follows an opening tag that nothing closes: an answer that never came is empty.
    """
    tags = list(_TAG.finditer(text))
    if not tags:
        return text, None
    opened = sum(1 if _opens(tag) else -1 for tag in tags)
    # A model that opens twice and closes once has stopped thinking all the same.
    said, thought = _cut(text, tags, nests=opened <= 0)
    return " ".join(said), "\n".join(thought) or None


def _cut(text: str, tags: Sequence[re.Match[str]], *, nests: bool) -> tuple[list[str], list[str]]:
    said: list[str] = []
    thought: list[str] = []
    depth = begin = 0
    for tag in tags:
        if _opens(tag):
            if depth == 0:
                _keep(said, text[begin : tag.start()])
                begin = tag.end()
            depth = depth + 1 if nests else 1
            continue
        if depth > 1:
            depth -= 1
            continue
        piece = text[begin : tag.start()]
        if depth == 0:
            thought.extend(said)
            said.clear()
        _keep(thought, piece)
        depth, begin = 0, tag.end()
    _keep(thought if depth else said, text[begin:])
    return said, thought


def _opens(tag: re.Match[str]) -> bool:
    return not any(tag.groups())


def _keep(pieces: list[str], piece: str) -> None:
    if bare := piece.strip():
        pieces.append(bare)
