"""Any table by --map: CSV and TSV as people really write them, Parquet, JSON and spreadsheets."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers import draft
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
from docmind_core.query_sets.importers.table import parsed_mapping

MAP = ("query=Frage,answers=Antwort",)
RECORD = {"Frage": "Wo liegt Bern?", "Antwort": "Schweiz"}
GOOD = 'Frage,Antwort\nWo liegt Bern?,Schweiz\nWas ist das?,"Ein Satz, mit Komma"\n'


def imported(path, *pairs, **options):
    request = ImportRequest(source=path, folder=path.parent / "out", mapping=parsed_mapping(pairs or MAP), **options)
    return import_query_set(request)


def refused(path, *pairs, **options):
    with pytest.raises(UsageError) as caught:
        imported(path, *pairs, **options)
    assert not (path.parent / "out").exists()
    assert not list(path.parent.glob(".*"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", GOOD.encode()),
        ("mark.csv", b"\xef\xbb\xbf" + GOOD.encode()),
        ("windows.csv", GOOD.replace("\n", "\r\n").encode()),
        ("utf16.csv", GOOD.encode("utf-16")),
        ("packed.csv.gz", gzip.compress(GOOD.encode(), mtime=0)),
        ("semicolon.csv", b'Frage;Antwort\nWo liegt Bern?;Schweiz\nWas ist das?;"Ein Satz, mit Komma"\n'),
        ("excel.csv", b'sep=;\nFrage;Antwort\nWo liegt Bern?;Schweiz\nWas ist das?;"Ein Satz, mit Komma"\n'),
        ("bar.csv", b"Frage|Antwort\nWo liegt Bern?|Schweiz\nWas ist das?|Ein Satz, mit Komma\n"),
        ("tabs.tsv", b"Frage\tAntwort\nWo liegt Bern?\tSchweiz\nWas ist das?\tEin Satz, mit Komma\n"),
        ("tabs.csv", b"Frage\tAntwort\nWo liegt Bern?\tSchweiz\nWas ist das?\tEin Satz, mit Komma\n"),
        ("blank.csv", GOOD.replace("\n", "\n\n,\n").encode()),
        ("case.csv", GOOD.replace("Frage", " frage ").encode()),
    ],
)
def test_a_table_is_read_whatever_its_marks_and_delimiters(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    query_set, origin = imported(tmp_path / name)

    assert [(query.text, query.gold_answers) for query in query_set.queries] == [
        ("Wo liegt Bern?", ("Schweiz",)),
        ("Was ist das?", ("Ein Satz, mit Komma",)),
    ]
    assert (origin.format, origin.mapping) == ("table", {"query": "Frage", "answers": "Antwort"})


def test_quotes_that_enclose_nothing_are_text_where_the_rows_say_so(tmp_path):
    rows = [f'Who said "{number}\tA "man' for number in range(9)]
    (tmp_path / "x.tsv").write_text("Frage\tAntwort\n" + '"Quote first\t5" pipe\n' + "\n".join(rows) + "\n")

    query_set, _ = imported(tmp_path / "x.tsv")

    assert len(query_set.queries) == 10
    assert query_set.queries[0].gold_answers == ('5" pipe',)


def test_a_cell_may_have_lines_and_a_list_of_answers(tmp_path):
    (tmp_path / "x.csv").write_text('Frage,Antwort,Text\n"Wo\nliegt es?","[""Bern"", ""Berne""]",Bern ist da.\n')

    query_set, _ = imported(tmp_path / "x.csv", *MAP, "contexts=Text")

    (query,) = query_set.queries
    assert (query.text, query.gold_answers) == ("Wo\nliegt es?", ("Bern", "Berne"))
    assert [document.text for document in query_set.documents] == ["Bern ist da."]
    assert query.gold_doc_ids == (query_set.documents[0].doc_id,)


def test_each_field_of_a_mapping_is_kept(tmp_path):
    row = {"f": "Wo?", "n": 7.0, "art": "where", "nix": "yes", "satz": "no", "t": ["a", "b"]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "x.parquet")

    query_set, _ = imported(
        tmp_path / "x.parquet", "query=f,query_id=n,type=art", "expected_abstain=nix, free_form=satz,tags=t"
    )

    (query,) = query_set.queries
    assert (query.query_id, query.query_type, query.expected_abstain) == ("7", "where", True)
    assert (query.free_form, query.tags) == (False, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "pairs", "said"),
    [
        (GOOD, ("query=question",), "no column 'question' for query; the columns are Frage, Antwort"),
        (GOOD, ("answers=Antwort",), "map the columns: --map query=Frage,answers=Antwort; the columns"),
        (GOOD, ("query:Frage",), "--map takes FIELD=COLUMN pairs such as query=question"),
        (GOOD, ("question=Frage",), "unknown field 'question' in --map. Choose from query, query_id, answers"),
        (GOOD, ("query=Frage", "query=Antwort"), "--map has the field query twice"),
        ("Frage,Antwort\n", MAP, "x.csv contains no records"),
        ("", MAP, "x.csv contains no records"),
        ("Frage,Antwort,Frage\na,b,c\n", MAP, "duplicate column 'Frage'"),
        ("Frage,Antwort\na,b\na,b,c,d\n", MAP, "x.csv:3: 4 cells under 2 columns: is a quote or a delimiter wrong?"),
        (
            "Frage,Antwort\n,b\n",
            MAP,
            "contains no questions: 1 records without a question were left out (first: x.csv:2)",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_columns_and_lines(tmp_path, text, pairs, said):
    (tmp_path / "x.csv").write_text(text)

    assert said in refused(tmp_path / "x.csv", *pairs)


def test_a_table_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes("Frage,Antwort\nWo?,Zürich\n".encode("cp1252"))

    assert "is not UTF-8" in refused(tmp_path / "x.csv")


def test_a_quote_that_never_closes_is_found_before_the_file_is_in_memory(tmp_path):
    with (tmp_path / "x.csv").open("w") as file:
        file.write('Frage,Antwort\n"never closed,b\n')
        file.writelines(["line,line\n"] * 1_000_000)

    assert "a cell is longer than 8 MiB: is a closing quote missing?" in refused(tmp_path / "x.csv")


def test_a_table_larger_than_a_query_set_may_be_is_refused_as_soon_as_that_is_clear(tmp_path, monkeypatch):
    monkeypatch.setattr(draft, "FILE_BYTES_MAX", 10_000)
    (tmp_path / "x.csv").write_text("Frage,Antwort\n" + "Wo liegt Bern?,Schweiz\n" * 1000)

    assert "queries, queries.jsonl takes more than 0 MiB. Import a part: --limit N" in refused(tmp_path / "x.csv")
    assert imported(tmp_path / "x.csv", limit=5)[1].counts["queries"] == 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", json.dumps([RECORD])),
        (
            "x.json",
            json.dumps(
                {"name": "x", "about": {"by": "me"}, "items": [{"Frage": "Wo liegt Bern?", "Antwort": "Schweiz"}]}
            ),
        ),
        ("x.json", json.dumps({"a": {"Frage": "Wo liegt Bern?", "Antwort": ["Schweiz"]}})),
        ("x.json", '{"Frage": "Wo liegt Bern?", "Antwort": "Schweiz"}\n{"Frage": "Und Rom?", "Antwort": "Italien"}\n'),
        ("x.jsonl", '\ufeff{"Frage": "Wo liegt Bern?", "Antwort": "Schweiz"}\n\n'),
        ("x.jsonl", '[{"Frage": "Wo liegt Bern?", "Antwort": "Schweiz"}]'),
    ],
)
def test_records_are_found_in_json_of_any_shape(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")

    query_set, _ = imported(tmp_path / name)

    assert (query_set.queries[0].text, query_set.queries[0].gold_answers) == ("Wo liegt Bern?", ("Schweiz",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", b'[{"Frage": "a", "Antwort": "b"}, {"Frage": "b"', "x.json, record 1: the file is cut off"),
        ("x.json", b'[{"Frage": "a", "Antwort": "b"}, {"Frage": NaN}]', "x.json, record 1: not JSON"),
        ("x.json", b'[{"Frage": "a", "Antwort": "b"}, "b"]', "x.json, record 2: should be an object, got 'b'"),
        ("x.jsonl", b'{"Frage": "a", "Antwort": "b"}\n{"Frage": \n', "x.jsonl:2: not JSON"),
        ("x.parquet", b"PAR1 and no more", "x.parquet: is a damaged Parquet file"),
        ("x.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "is a damaged gzip file"),
        ("x.xlsx", b"PK\x03\x04", "x.xlsx"),
    ],
)
def test_a_damaged_file_is_refused_where_the_damage_is(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)

    assert said in refused(tmp_path / name)


def test_the_first_sheet_of_a_workbook_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets take openpyxl (extra `xlsx`)")
    workbook = openpyxl.Workbook()
    for row in (("Frage", "Antwort", "Nr"), ("Wo liegt Bern?", "Schweiz", 7.0), (None, None, None), ("Und?", 3, 8)):
        workbook.active.append(row)
    workbook.create_sheet("Notizen")
    workbook.save(tmp_path / "x.xlsx")

    query_set, origin = imported(tmp_path / "x.xlsx", *MAP, "query_id=Nr")

    assert [(query.query_id, query.gold_answers) for query in query_set.queries] == [("7", ("Schweiz",)), ("8", ("3",))]
    assert "1 sheets after the first one of a workbook were not read (first: x.xlsx, Notizen)" in origin.notes
