"""How close an answer's text is to the accepted answers."""

from collections import Counter
from collections.abc import Sequence

from docmind_core.query_sets.normalising import is_same_answer, normalised, squad_normalised, vanishes

_CLOSED = frozenset({"yes", "no", "noanswer", "no answer"})


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


def _require(golds: Sequence[str]) -> None:
    if not golds:
        raise ValueError("a match needs at least one accepted answer; drop the query or add one")


def _overlap_f1(prediction: str, gold: str) -> float:
    if gold in _CLOSED:
        return float(prediction == gold)
    predicted, wanted = prediction.split(), gold.split()
    common = sum((Counter(predicted) & Counter(wanted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall)
