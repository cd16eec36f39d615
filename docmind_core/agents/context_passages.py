"""Choosing among passages: within a number of tokens, and without what repeats another."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from docmind_core.agents.passages import NumberedPassage, render_passage
from docmind_core.agents.sentences import sentences

CUT_TOKENS_MIN = 24
"""A passage is not cut to less than this: a few words carry no evidence."""
SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.8
"""Share of a chunk's shingles that stand in one earlier chunk."""
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

    The passage that stays names the chunks it stands for, so that nothing is said to come from nowhere.
    """
    first_with: dict[tuple[str, ...], int] = {}
    said: set[str] = set()
    stands_for: dict[int, list[str]] = {}
    kept: list[list[NumberedPassage]] = []
    places: dict[int, tuple[int, int]] = {}
    for number, passages in enumerate(lists):
        kept.append([])
        for passage in passages:
            index = len(places) + 1
            own = _shingles(passage.hit.chunk.text)
            twin = _twin(own, first_with)
            if twin is not None:
                stands_for.setdefault(twin, []).append(passage.hit.chunk.chunk_id)
                continue
            for shingle in own:
                first_with.setdefault(shingle, index)
            places[index] = (number, len(kept[number]))
            kept[number].append(_without_repeats(passage, said))
    for index, chunk_ids in stands_for.items():
        number, position = places[index]
        passage = kept[number][position]
        kept[number][position] = replace(passage, same_as=(*passage.same_as, *chunk_ids))
    return [tuple(passages) for passages in kept]


def _twin(own: set[tuple[str, ...]], first_with: dict[tuple[str, ...], int]) -> int | None:
    """Return the earlier passage that holds most of the shingles, if one holds nearly all."""
    shared: dict[int, int] = {}
    for shingle in own:
        holder = first_with.get(shingle)
        if holder is not None:
            shared[holder] = shared.get(holder, 0) + 1
    if not shared:
        return None
    best = min(shared, key=lambda holder: (-shared[holder], holder))
    return best if shared[best] >= NEAR_DUPLICATE * len(own) else None


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


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        return {tuple(words)} if words else set()
    return set(zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False))


def _with_text(passage: NumberedPassage, text: str, whole_tokens: int | None) -> NumberedPassage:
    chunk = replace(passage.hit.chunk, text=text)
    return replace(passage, hit=replace(passage.hit, chunk=chunk), whole_tokens=whole_tokens)


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if len(word) > 2}
