"""Foreign text (queries, answers, replies, errors) made safe to show in a terminal, in Markdown and in HTML."""

import re

SHORTENED_CHARACTERS = 600

# C0 and C1 controls without tab and newline, and the marks that turn the direction of text:
# a terminal obeys the first, a reader is misled by the second.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~&$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^[#+=-]")


def visible_text(text: str) -> str:
    r"""Return `text` with each control character, direction mark and lone surrogate spelled out, such as `\x1b`."""
    return INVISIBLE.sub(_spell, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the visible text with all white space, newlines included, folded into single blanks."""
    return " ".join(visible_text(text).split())


def shortened(text: str, *, characters: int = SHORTENED_CHARACTERS) -> str:
    """Return `text`, or its beginning and a note of how much was left out."""
    if len(text) <= characters:
        return text
    return f"{text[:characters].rstrip()} … [{len(text) - characters:,} more characters]"


def markdown_text(text: str) -> str:
    """Return `text` on one line, as Markdown that shows it letter by letter, in a table cell too."""
    return _MARKDOWN.sub(_escape_markdown, one_line(text))


def markdown_block(text: str) -> str:
    """Return `text` as a fenced block that no run of backticks inside can close."""
    text = visible_text(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _spell(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _escape_markdown(match: re.Match[str]) -> str:
    entity = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
    return entity.get(match.group(), f"\\{match.group()}")
