"""How much memory and time one query set may take: what keeps a check within 10 s and 500 MB."""

import re
import sys

KEPT_BYTES_MAX = 192 * 1024 * 1024
"""Memory of the texts, ids and lists of a set; about the size of its files, or 2 to 4 times as much for texts with
characters beyond U+00FF or U+FFFF, as Python stores them."""
LOOKS_MAX = 1_000_000_000
"""Characters that are looked at to find the evidence in its documents; some nanoseconds each."""

_LINE_BYTES = 300
_ITEM_BYTES = 100
_NORMALISING = 8
"""What finding the words of a text costs, in looks at a character."""
_GAP = re.compile(r"\W+")


class Allowance:
    """What a set has taken so far; `problem` says which limit it has passed."""

    def __init__(self) -> None:
        self._kept = 0
        self._looks = 0
        self._text = ""
        self._words = ""

    @property
    def problem(self) -> str | None:
        """The limit that was passed; None as long as none is."""
        if self._kept > KEPT_BYTES_MAX:
            return f"the set takes more than {KEPT_BYTES_MAX // 2**20} MiB of memory, the limit; split the set"
        if self._looks > LOOKS_MAX:
            return (
                f"finding the evidence in its documents takes more than {LOOKS_MAX:,} character comparisons, the "
                "limit; split the set or the long documents"
            )
        return None

    def keep(self, *texts: str) -> None:
        """Count one line with its texts; all but the first two are items of lists."""
        items = max(0, len(texts) - 2) * _ITEM_BYTES
        self._kept += _LINE_BYTES + items + sum(sys.getsizeof(text) for text in texts)

    def contains_span(self, text: str, span: str) -> bool:
        """Return whether `text` holds the words of `span` in their order, whatever white space, case and punctuation.

        Past the limit nothing is looked at.
        """
        self._looks += len(text)
        wanted = words_of(span)
        if not wanted.strip():
            return False
        if self.problem or span in text:
            return True
        if text is not self._text:
            self._looks += _NORMALISING * len(text)
            self._text, self._words = text, words_of(text)
        self._looks += len(text)
        return wanted in self._words


def words_of(text: str) -> str:
    """Return the words of a text as `evidence_recall` reads them: lower case, one space around each."""
    return f" {_GAP.sub(' ', text.lower()).strip()} "
