"""Choosing among passages: within a number of tokens, and without what repeats another."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from docmind_core.agents.passages import NumberedPassage, render_passage
from docmind_core.agents.text_overlap import KeptTexts, sentences

CUT_TOKENS_MIN = 24
"""A passage is not cut to less than this: a few words carry no evidence."""
SENTENCE_WORDS_MIN = 8
"""Shorter sentences may be repeated for a reason."""

_WORD = re.compile(r"\w+")
Lists = Sequence[tuple[NumberedPassage, ...]]
CountText = Callable[[str], int]


def keep_within(lists: Lists, tokens: int, query: str, count: CountText) -> list[tuple[NumberedPassage, ...]]:
    """Keep the best of each list whole while they have at most `tokens`; cut the first that doesn't fit, drop the rest.

    The best of every list come before the second-best of any: scores of different searches can't be compared.
    """
    ranked = sorted(
        ((rank, number, passage) for number, passages in enumerate(lists) for rank, passage in _ranks(passages)),
        key=lambda entry: entry[:2],
    )
    kept: dict[tuple[int, int], NumberedPassage] = {}
    left, open_end = tokens, True
    for _, number, passage in ranked:
        if not open_end:
            break
        size = count(render_passage(passage))
        open_end = size <= left
        shown = passage if open_end else _cut(passage, left, query, count)
        left -= size
        if shown is not None:
            kept[number, passage.number] = shown
    return [
        tuple(kept[number, passage.number] for passage in passages if (number, passage.number) in kept)
        for number, passages in enumerate(lists)
    ]


def _ranks(passages: Sequence[NumberedPassage]) -> Iterable[tuple[int, NumberedPassage]]:
    return enumerate(sorted(passages, key=lambda passage: (-passage.hit.score, passage.number)))


def _cut(passage: NumberedPassage, tokens: int, query: str, count: CountText) -> NumberedPassage | None:
    """Keep the sentences that share most words with the query, in their order; None when too little would be left."""
    if tokens < CUT_TOKENS_MIN:
        return None
    chunk = passage.hit.chunk
    pieces = sentences(chunk.text)
    wanted = _words(query)
    order = sorted(range(len(pieces)), key=lambda place: (-len(wanted & _words(pieces[place])), place))
    left = tokens - count(render_passage(_with_text(passage, "", whole_tokens=0))) - 1
    chosen: list[int] = []
    for place in order:
        size = count(pieces[place])
        if size <= left:
            chosen.append(place)
            left -= size
    if not chosen:
        return None
    text = "".join(pieces[place] for place in sorted(chosen)).rstrip()
    whole = passage.whole_tokens if passage.whole_tokens is not None else count(chunk.text)
    return _with_text(passage, text, whole_tokens=whole)


def drop_duplicates(lists: Lists) -> list[tuple[NumberedPassage, ...]]:
    """Leave out chunks that nearly repeat an earlier one, and sentences that an earlier passage has word for word.

    The passage that stays names the chunks it represents, so that every statement keeps its source.
    """
    taken, said = KeptTexts(), set[str]()
    kept: list[list[NumberedPassage]] = []
    places: list[tuple[int, int]] = []
    for number, passages in enumerate(lists):
        kept.append([])
        for passage in passages:
            twin = taken.take(passage.hit.chunk.text)
            if twin is None:
                places.append((number, len(kept[number])))
                kept[number].append(_without_repeats(passage, said))
            else:
                among, position = places[twin]
                kept[among][position] = _representing(kept[among][position], passage)
    return [tuple(passages) for passages in kept]


def _representing(passage: NumberedPassage, left_out: NumberedPassage) -> NumberedPassage:
    named = dict.fromkeys((*passage.same_as, left_out.hit.chunk.chunk_id, *left_out.same_as))
    return replace(passage, same_as=tuple(each for each in named if each != passage.hit.chunk.chunk_id))


def _without_repeats(passage: NumberedPassage, said: set[str]) -> NumberedPassage:
    kept: list[str] = []
    pieces = sentences(passage.hit.chunk.text)
    for piece in pieces:
        spoken = " ".join(_WORD.findall(piece.lower()))
        if spoken.count(" ") + 1 >= SENTENCE_WORDS_MIN and not _is_code(piece):
            if spoken in said:
                continue
            said.add(spoken)
        kept.append(piece)
    return passage if len(kept) in (0, len(pieces)) else _with_text(passage, "".join(kept), passage.whole_tokens)


def _is_code(piece: str) -> bool:
    return any(line.startswith(("    ", "\t", ">>>", "...", "```")) for line in piece.splitlines())


def _with_text(passage: NumberedPassage, text: str, whole_tokens: int | None) -> NumberedPassage:
    chunk = replace(passage.hit.chunk, text=text)
    return replace(passage, hit=replace(passage.hit, chunk=chunk), whole_tokens=whole_tokens)


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if len(word) > 2}
