"""Questions as other evaluation tools keep them: ragas, AutoRAG, Inspect, promptfoo, DeepEval, NeMo Agent Toolkit.

Sources: https://docs.ragas.io, https://github.com/Marker-Inc-Korea/AutoRAG, https://inspect.aisi.org.uk,
https://www.promptfoo.dev/docs/configuration/test-cases, https://deepeval.com/docs/evaluation-datasets,
https://docs.nvidia.com/nemo/agent-toolkit.
"""

import re

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record, blank, dicts_in, first_of, listed, texts_of, written
from docmind_core.query_sets.importers.format import Format, by_record, has_keys
from docmind_core.query_sets.importers.source import Source

OWN_CONTEXTS = (
    "the documents are only the contexts that came with the questions, so retrieval figures would not be meaningful "
    "and gold documents are not kept"
)


def _read_ragas(place: str, values: Record, draft: Draft) -> None:
    for name in ("reference_contexts", "retrieved_contexts", "contexts"):
        for text in texts_of(listed(values.get(name))):
            draft.passage(place, text)
    asked = first_of(values, "user_input", "question")
    history, question = _conversation(place, asked, draft, role="type", said="content")
    draft.query(
        place,
        question,
        answers=listed(first_of(values, "reference", "ground_truth", "ground_truths")),
        query_type=first_of(values, "synthesizer_name", "evolution_type"),
        history=history,
    )


_ROLES = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant"}


def _conversation(
    place: str, asked: object, draft: Draft, *, role: str, said: str
) -> tuple[list[dict[str, str]], object]:
    """Split messages into the whole turns before the last question, and that question."""
    if not isinstance(asked, list):
        return [], asked
    turns = [
        {"role": _ROLES[written(item.get(role))], "content": written(item.get(said))}
        for item in dicts_in(asked)
        if written(item.get(role)) in _ROLES and not blank(item.get(said))
    ]
    while turns and turns[-1]["role"] == "assistant":
        turns.pop()
    history, question = turns[:-1], turns[-1]["content"] if turns else None
    whole = len(history) % 2 == 0 and all(
        item["role"] == ("user", "assistant")[index % 2] for index, item in enumerate(history)
    )
    if not whole or len(turns) < len(asked):
        draft.note(
            "conversations have messages that are not complete turns of user and assistant; those were left out", place
        )
    return history if whole else [], question


def _read_autorag(source: Source, draft: Draft) -> None:
    questions = source.find("qa.parquet") if source.path.is_dir() else source.path
    corpus = source.find("corpus.parquet")
    if questions is None or corpus is None:
        raise UsageError(f"{source.folder} needs both qa.parquet and corpus.parquet; put them into one folder")
    for place, values in source.rows(corpus):
        draft.document(place, values.get("doc_id"), values.get("contents"), title=values.get("title"))
    for place, values in source.rows(questions):
        groups = [listed(group) for group in listed(values.get("retrieval_gt"))]
        if any(len(group) > 1 for group in groups):
            draft.note("questions need only one of several documents, but recall counts each of them as needed", place)
        draft.query(
            place,
            values.get("query"),
            query_id=values.get("qid"),
            answers=listed(values.get("generation_gt")),
            gold=dict.fromkeys((written(doc_id) for group in groups for doc_id in group if not blank(doc_id)), 1),
        )


def _accepts_autorag(source: Source) -> bool:
    if source.path.is_dir():
        return bool(source.find("qa.parquet") and source.find("corpus.parquet"))
    return {"qid", "query", "retrieval_gt"} <= set(source.first)


def _read_inspect(place: str, values: Record, draft: Draft) -> None:
    asked = values.get("input")
    history, question = _conversation(place, asked, draft, role="role", said="content")
    choices = texts_of(listed(values.get("choices")))
    answers = texts_of(listed(values.get("target")))
    if choices and not blank(question):
        letters = [chr(ord("A") + index) for index in range(len(choices))]
        options = (f"{letter}) {choice}" for letter, choice in zip(letters, choices, strict=True))
        question = "\n".join([written(question), *options])
        named = dict(zip(letters, choices, strict=True))
        answers = list(dict.fromkeys([*answers, *(named[answer] for answer in answers if answer in named)]))
    draft.query(place, question, query_id=values.get("id"), answers=answers, history=history)


_ASSERTION = re.compile(r"\A(not-)?([a-z]+(?:-[a-z]+)*)(?:\(\d+(?:\.\d+)?\))?:(.*)\Z", re.DOTALL)
_ONE_ANSWER = ("equals", "contains", "icontains", "starts-with", "similar", "factuality", "levenshtein", "rouge-n")
_SEVERAL_ANSWERS = ("contains-any", "icontains-any")
_OTHER_ASSERTIONS = (
    *(
        "contains-all",
        "icontains-all",
        "regex",
        "is-json",
        "contains-json",
        "javascript",
        "fn",
        "eval",
        "python",
        "cost",
    ),
    *("latency", "llm-rubric", "grade", "answer-relevance", "classifier", "context-faithfulness", "context-recall"),
    *("context-relevance", "perplexity", "perplexity-score", "model-graded-closedqa", "model-graded-factuality"),
    *("moderation", "webhook", "is-refusal", "g-eval", "bleu", "gleu", "meteor", "select-best", "file"),
)
_QUESTION_NAMES = ("question", "query", "input", "prompt", "user_input", "message", "text")


def _read_promptfoo(place: str, values: Record, draft: Draft) -> None:
    named = {name: value for name, value in values.items() if not name.startswith("__")}
    by_name = {name.casefold(): value for name, value in named.items()}
    question = first_of(by_name, *_QUESTION_NAMES)
    if question is None and len(named) == 1:
        question = next(iter(named.values()))
    elif question is None and not set(_QUESTION_NAMES) & set(by_name):
        raise UsageError(
            f"none of the variables {', '.join(named)} is called question, query, input or prompt; set it with "
            "--format table --map query=VARIABLE,answers=__expected"
        )
    answers: list[str] = []
    for name, value in values.items():
        if name.startswith("__expected") and not blank(value):
            answers += _expected(place, written(value).strip(), draft)
    draft.query(place, question, answers=answers, tags=[values.get("__description")])


def _expected(place: str, assertion: str, draft: Draft) -> list[str]:
    """Return the answers that an assertion accepts; none of one that asks for something else."""
    found = _ASSERTION.match(assertion)
    if found is None or found[2] not in (*_ONE_ANSWER, *_SEVERAL_ANSWERS, *_OTHER_ASSERTIONS):
        return [] if assertion in _OTHER_ASSERTIONS else [assertion]
    if not found[1] and found[2] in _SEVERAL_ANSWERS:
        return [text.strip() for text in found[3].split(",")]
    if not found[1] and found[2] in _ONE_ANSWER:
        return [found[3].strip()]
    draft.note(
        "assertions do not accept a specific answer (such as javascript, llm-rubric, not-...) and were left out", place
    )
    return []


def _read_deepeval(place: str, values: Record, draft: Draft) -> None:
    if blank(values.get("input")) and not blank(values.get("scenario")):
        draft.note("conversational goldens have a scenario instead of a question and were left out", place)
        return
    for name in ("context", "retrieval_context"):
        value = values.get(name)
        parts = value.split("|") if isinstance(value, str) and not value.startswith("[") else listed(value)
        for text in texts_of(parts):
            draft.passage(place, text)
    draft.query(place, values.get("input"), query_id=values.get("name"), answers=values.get("expected_output"))


def _read_nat(place: str, values: Record, draft: Draft) -> None:
    draft.query(place, values.get("question"), query_id=values.get("id"), answers=listed(values.get("answer")))


def _accepts_ragas(source: Source) -> bool:
    names = set(source.first)
    new = "user_input" in names and bool(names & {"reference", "retrieved_contexts", "response"})
    return new or ("question" in names and bool(names & {"ground_truth", "ground_truths"}))


RAGAS = Format(
    name="ragas", what="a test set of ragas", accepts=_accepts_ragas, read=by_record(_read_ragas), notes=(OWN_CONTEXTS,)
)
AUTORAG = Format(
    name="autorag",
    what="a set in the format of AutoRAG (qa.parquet, corpus.parquet)",
    accepts=_accepts_autorag,
    read=_read_autorag,
)
INSPECT = Format(
    name="inspect", what="samples of Inspect", accepts=has_keys("input", "target"), read=by_record(_read_inspect)
)
PROMPTFOO = Format(
    name="promptfoo",
    what="test cases of promptfoo",
    accepts=lambda source: any(name.startswith("__expected") for name in source.first),
    read=by_record(_read_promptfoo),
)
DEEPEVAL = Format(
    name="deepeval",
    what="goldens of DeepEval",
    accepts=lambda source: (
        "input" in source.first and bool({"expected_output", "retrieval_context"} & set(source.first))
    ),
    read=by_record(_read_deepeval),
    notes=(OWN_CONTEXTS,),
)
NAT = Format(
    name="nat",
    what="a dataset of NeMo Agent Toolkit's `nat eval`",
    accepts=has_keys("id", "question", "answer"),
    read=by_record(_read_nat),
)
