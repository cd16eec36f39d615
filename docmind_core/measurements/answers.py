"""How close an answer's text is to the accepted answers."""

import re
from collections import Counter
from collections.abc import Sequence

from docmind_core.query_sets.normalising import is_same_answer, normalised, squad_normalised, vanishes

_CLOSED = frozenset({"yes", "no", "noanswer", "no answer"})
_POINT, _MINUS = re.compile(r"(?<=\d)\.(?=\d)"), re.compile(r"(?<!\w)[-\N{MINUS SIGN}](?=\d)")
_NUMBER = re.compile(r"(?:minus)?\d+(?:point\d+)?")
_OPPOSITES = {"yes": "no", "no": "yes"}
CONTAINED_WORDS_MAX = 30
"""Words of an answer that may still count as naming its gold; a longer one is a text about it."""


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 when the normalised answer equals an accepted one, else 0.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    return float(any(is_same_answer(prediction, gold) for gold in golds))


def exact_match_squad(prediction: str, golds: Sequence[str]) -> float:
    """Return the exact match of the SQuAD script, for comparison with published figures.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    said = squad_normalised(prediction)
    return float(any(said == squad_normalised(gold) for gold in golds))


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the best F1 of word overlap with an accepted answer, in [0, 1].

    Bags of normalised words, multiplicity counted; one empty is 0. For the golds yes, no and no answer, and for those
    of which normalising leaves nothing, it is `exact_match`: one shared word would be half a point.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    said = normalised(prediction)
    return max(
        float(is_same_answer(prediction, gold)) if vanishes(gold) else _overlap_f1(said, normalised(gold))
        for gold in golds
    )


def answer_contained(prediction: str, golds: Sequence[str], *, rivals: Sequence[str] = (), question: str = "") -> float:
    """Return 1 when a short answer holds an accepted one as whole words, and nothing else of its kind, else 0.

    Of its kind are the `rivals`, any other number where the accepted answer is one, and `no` next to `yes`. What the
    question names itself is not a rival. For exploring: a lenient sister of `exact_match`, never the pass rule.

    Args:
        prediction: The answer; one of more than 30 words scores 0.
        golds: The accepted answers.
        rivals: Wrong answers of the same kind.
        question: What was asked.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    if len(prediction.split()) > CONTAINED_WORDS_MAX:
        return 0.0
    asked = _spaced(question)
    others = [spaced for rival in rivals if (spaced := _spaced(rival)) not in asked]
    return float(any(_names_alone(_spaced(prediction), _spaced(gold), others, asked) for gold in golds))


def _names_alone(said: str, gold: str, rivals: Sequence[str], asked: str) -> bool:
    if not gold.strip() or gold not in said:
        return False
    rest = said.replace(gold, "  ")
    if gold.strip() in _OPPOSITES:
        return f" {_OPPOSITES[gold.strip()]} " not in rest
    numbers = filter(_NUMBER.fullmatch, rest.split()) if _NUMBER.fullmatch(gold.strip()) else ()
    return not any(f" {number} " not in asked for number in numbers) and not any(
        rival in rest for rival in rivals if rival != gold
    )


def _spaced(text: str) -> str:
    """Return the normalised words with a space around each, so that a part of a word is not found.

    Normalising takes signs and points away: 1.5 would be 15, and -5 would be 5.
    """
    text = _POINT.sub("point", _MINUS.sub("minus", text))
    return f" {'  '.join(normalised(text).split())} "


def _require(golds: Sequence[str]) -> None:
    if not golds:
        raise ValueError("a match needs at least one accepted answer; add one or drop the query")


def _overlap_f1(prediction: str, gold: str) -> float:
    if gold in _CLOSED:
        return float(prediction == gold)
    predicted, wanted = prediction.split(), gold.split()
    common = sum((Counter(predicted) & Counter(wanted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall)
