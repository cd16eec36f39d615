"""Each format that `docmind import` knows: found by name and first keys, and what becomes of its fields."""

import contextlib
import json
import random

import pytest

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
from docmind_core.query_sets.importers.recognising import FORMATS
from tests.query_sets.format_sources import BEIR, FRANCE, SOURCES, lines, table, write


def imported(source, **options):
    """The query set of a source, and where it came from."""
    folder = source.parent / f"{source.name}-imported"
    return import_query_set(ImportRequest(source=source, folder=folder, mapping=options.pop("mapping", {}), **options))


@pytest.fixture(scope="module")
def all_imported(tmp_path_factory):
    found = {}
    for name, (_, files) in SOURCES.items():
        folder = tmp_path_factory.mktemp("source")
        found[name] = imported(write(folder / "set", files))
    return found


def test_every_format_has_a_source_here():
    assert {name for name, _ in SOURCES.values()} == {found.name for found in FORMATS}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_found_and_its_first_question_read(all_imported, name):
    query_set, origin = all_imported[name]

    assert origin.format == SOURCES[name][0]
    first = query_set.queries[0]
    assert "capital" in first.text.lower()
    assert len(origin.files) >= 1
    assert all(len(file.sha256) == 64 for file in origin.files)
    has_answer = origin.format not in ("beir", "trec")
    assert bool(first.gold_answers) == has_answer


WITH_GOLD = {
    name for name in SOURCES if not name.startswith(("nq-open", "ragas", "deepeval", "inspect", "promptfoo", "nat"))
}


@pytest.mark.parametrize("name", sorted(WITH_GOLD - {"clapnq table"}))
def test_gold_documents_hold_the_answer(all_imported, name):
    query_set, _ = all_imported[name]

    first = query_set.queries[0]
    texts = {document.doc_id: document.text for document in query_set.documents}
    assert first.gold_doc_ids
    assert "capital" in texts[first.gold_doc_ids[0]]


@pytest.mark.parametrize("name", ["squad", "hotpotqa", "multihop-rag", "clapnq", "financebench", "rageval"])
def test_evidence_is_kept_where_the_source_has_it(all_imported, name):
    ((evidence, *_), *_) = (query.evidence for query in all_imported[name][0].queries)

    assert "capital" in evidence.text
    assert len(evidence.text.split()) > 3


@pytest.mark.parametrize("name", ["beir", "trec sgml"])
def test_graded_judgements_are_kept_and_those_of_grade_0_are_not_gold(all_imported, name):
    (query,) = all_imported[name][0].queries

    assert sorted(query.gold_grades) == [1, 2]
    assert query.qrels[query.gold_doc_ids[0]] == 2


@pytest.mark.parametrize(("name", "query_id"), [("squad", "2"), ("rageval", "2")])
def test_a_question_that_no_document_answers_expects_an_abstention(all_imported, name, query_id):
    query = next(query for query in all_imported[name][0].queries if query.query_id == query_id)

    assert (query.expected_abstain, query.gold_answers, query.gold_doc_ids) == (True, (), ())


@pytest.mark.parametrize("name", ["ragas", "ragas csv", "deepeval"])
def test_a_set_made_of_its_own_contexts_has_no_gold_documents_and_says_why(all_imported, name):
    query_set, origin = all_imported[name]

    assert [document.text for document in query_set.documents] == [FRANCE]
    assert query_set.queries[0].gold_doc_ids == ()
    assert "retrieval figures would not be meaningful" in origin.notes[0]
    assert origin.notes[0] in query_set.notices


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("beir", "1 queries have no judgement in test.tsv and were left out (first: queries.jsonl:2)"),
        ("trec sgml", "1 judged queries are not among the queries (first: qrels.txt, '999')"),
        ("musique", "1 unanswerable questions were left out"),
        (
            "clapnq table",
            "1 queries refer to gold documents, which were left out because the source contains no documents",
        ),
    ],
)
def test_what_is_left_out_is_noted(all_imported, name, note):
    assert any(found.startswith(note) for found in all_imported[name][1].notes)


def test_a_split_chooses_the_judgements(tmp_path):
    query_set, origin = imported(write(tmp_path / "set", BEIR), split="train")

    assert [query.query_id for query in query_set.queries] == ["2"]
    assert origin.split == "train"


@pytest.mark.parametrize(
    ("assertion", "answers"),
    [
        ("Paris", ("Paris",)),
        ("equals: Paris", ("Paris",)),
        ("icontains:Paris", ("Paris",)),
        ("contains-any:Paris, Lutetia", ("Paris", "Lutetia")),
        ("similar(0.8):Paris", ("Paris",)),
        ("12:30 o'clock", ("12:30 o'clock",)),
        ("llm-rubric: is polite", ()),
        ("javascript:output.length < 9", ()),
        ("not-contains:Rome", ()),
    ],
)
def test_an_assertion_of_promptfoo_is_an_answer_only_where_it_accepts_one(tmp_path, assertion, answers):
    text = table(("topic", "question", "__expected"), ("x", "Capital of France?", assertion))

    query_set, origin = imported(write(tmp_path, {"tests.csv": text}))

    assert query_set.queries[0].gold_answers == answers
    assert any("assertions do not accept a specific answer" in note for note in origin.notes) == (not answers)


def test_choices_of_inspect_are_part_of_the_question_and_the_chosen_text_is_an_answer_too(tmp_path):
    sample = {"input": "Capital of France?", "choices": ["Rome", "Paris"], "target": "B"}

    query_set, _ = imported(write(tmp_path, {"samples.json": json.dumps([sample])}))

    (query,) = query_set.queries
    assert query.text == "Capital of France?\nA) Rome\nB) Paris"
    assert query.gold_answers == ("B", "Paris")


def test_messages_before_the_question_are_its_history(tmp_path):
    said = [("system", "Be kind."), ("user", "Hello"), ("assistant", "Hi"), ("user", "Capital of France?")]
    sample = {"input": [{"role": role, "content": text} for role, text in said], "target": "Paris"}

    query_set, origin = imported(write(tmp_path, {"samples.json": json.dumps([sample])}))

    (query,) = query_set.queries
    assert [(item.role, item.content) for item in query.history] == [("user", "Hello"), ("assistant", "Hi")]
    assert query.text == "Capital of France?"
    assert origin.notes[0].startswith("1 conversations have messages that are not complete turns")


ODD = (
    None,
    0,
    1.5,
    True,
    "",
    " ",
    "x",
    [],
    {},
    [None],
    [[]],
    ["x", 1],
    [["x", 0]],
    "[",
    "['a']",
    "\ud800",
    {"text": None},
)


def mangled(value, chance):
    """The value with some of its parts in another shape, and some left out."""
    if chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {key: mangled(part, chance) for key, part in value.items() if chance.random() > 0.05}
    return [mangled(part, chance) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "name", [name for name, (_, files) in SOURCES.items() if any(".json" in file for file in files)]
)
def test_records_of_any_shape_are_read_or_refused_in_words(tmp_path, name):
    format_name, files = SOURCES[name]
    for seed in range(4):
        chance = random.Random(f"{name} {seed}")
        texts = {
            file: lines(*(mangled(json.loads(line), chance) for line in text.splitlines()))
            if file.endswith(".jsonl")
            else json.dumps(mangled(json.loads(text), chance))
            if file.endswith(".json")
            else text
            for file, text in files.items()
        }
        with contextlib.suppress(UsageError):
            imported(write(tmp_path / str(seed), texts), format_name=format_name)
