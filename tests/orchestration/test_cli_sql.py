"""Questions to the published database from the command line."""

import io
import json
import tempfile

import pytest

from dagster_project.cli.main import run
from docmind_core.settings import Settings
from docmind_core.tables import reading
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment
from tests.builders import make_run_row

RUN_ID = "20261122T020000Z-smoke-7f3a.tuned"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A home with two rows, which no test of this file can change."""
    settings = Settings(home=tmp_path_factory.mktemp("sql"))
    write_segment(
        settings.tables,
        "measurements",
        RUN_ID,
        [
            {"run_id": RUN_ID, "query_id": "q1", "replicate": 0, "metric": "token_f1", "draw": 0, "value": 0.5},
            {
                "run_id": RUN_ID,
                "query_id": "q2",
                "replicate": 0,
                "metric": "token_f1",
                "draw": 0,
                "missing_because": "no_gold",
            },
        ],
    )
    write_segment(settings.tables, "runs", RUN_ID, [make_run_row(RUN_ID)])
    publish(settings)
    return settings


@pytest.fixture
def database(published, monkeypatch):
    monkeypatch.setenv("DOCMIND_HOME", str(published.home))
    return published.metrics_database


QUESTION = "select query_id, value, missing_because from measurements order by query_id"


def test_csv_has_a_header_and_empty_fields_for_null(database, capsys):
    assert run(["sql", QUESTION, "--csv"]) == 0
    assert capsys.readouterr().out == "query_id,value,missing_because\nq1,0.5,\nq2,,no_gold\n"


def test_json_has_an_object_per_row(database, capsys):
    assert run(["sql", QUESTION, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"query_id": "q1", "value": 0.5, "missing_because": None},
        {"query_id": "q2", "value": None, "missing_because": "no_gold"},
    ]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'nan'::double", None),
        ("'inf'::double", None),
        ("1.25::decimal(5, 2)", 1.25),
        ("timestamp '2026-11-22 02:00:00'", "2026-11-22T02:00:00"),
        ("{'a': [1, null]}", {"a": [1, None]}),
        ("'a\"b\n'", 'a"b\n'),
        ("true", True),
        ("""'{"a": [1, null]}'::json""", {"a": [1, None]}),
        ("""'"text"'::json""", "text"),
        ("null::json", None),
        ("['a', 'b']", ["a", "b"]),
        ("timestamptz '2026-11-22 02:00:00+00'", "2026-11-22T02:00:00+00:00"),
    ],
)
def test_json_holds_every_kind_of_value(database, capsys, expression, value):
    assert run(["sql", f"select {expression} as x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"x": value}]


def test_a_table_shows_all_columns_to_a_pipe(database, capsys):
    assert run(["sql", "select 'x' || repeat('y', 300) as long, 1 as n"]) == 0
    assert "x" + "y" * 300 + "   1" in capsys.readouterr().out


def test_times_are_in_utc_and_lists_are_plain_in_every_form(database, capsys, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    question = "select started_at, started_at + interval 1500 milliseconds as later, ['b', 'a'] as names from runs"
    forms = (
        ([], "2026-11-22 02:00:00Z   2026-11-22 02:00:01.500Z   [b, a]"),
        (["--csv"], '2026-11-22T02:00:00+00:00,2026-11-22T02:00:01.500000+00:00,"[""b"", ""a""]"'),
    )
    for form, line in forms:
        assert run(["sql", question, *form]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == line
    assert run(["sql", question, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["started_at"], shown["names"]) == ("2026-11-22T02:00:00+00:00", ["b", "a"])


def test_a_cell_cant_steer_the_terminal(database, capsys):
    assert run(["sql", "select chr(27) || '[2J[red]' as x"]) == 0
    assert r"\x1b[2J[red]" in capsys.readouterr().out


EVIL = "chr(27) || '[2J' || chr(155) || 'x' || chr(8238)"


def test_csv_spells_out_what_a_terminal_would_obey(database, capsys):
    assert run(["sql", f'select {EVIL} as "a\x1bb"', "--csv"]) == 0
    assert capsys.readouterr().out == "a\\x1bb\n\\x1b[2J\\x9bx\\u202e\n"


def test_json_keeps_what_a_terminal_would_obey_and_shows_none_of_it(database, capsys):
    assert run(["sql", f"select {EVIL} as x", "--json"]) == 0
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == [{"x": "\x1b[2J\x9bx\u202e"}]


@pytest.mark.parametrize(
    ("expression", "field"),
    [
        ("'=HYPERLINK(''http://x'')'", "'=HYPERLINK('http://x')"),
        ("'+cmd'", "'+cmd"),
        ("'-cmd'", "'-cmd"),
        ("'@SUM(A1)'", "'@SUM(A1)"),
        ("' =1+1'", "' =1+1"),
        ("'-5'", "-5"),
        ("'+1.5e3'", "+1.5e3"),
        ("-0.5", "-0.5"),
        ("'a=b'", "a=b"),
        ("date '2026-11-22'", "2026-11-22"),
    ],
)
def test_csv_holds_no_formula_that_a_spreadsheet_would_compute(database, capsys, expression, field):
    assert run(["sql", f"select {expression} as x", "--csv"]) == 0
    assert capsys.readouterr().out == f"x\n{field}\n"


def test_rows_are_bounded_and_the_cut_is_said(database, capsys):
    assert run(["sql", "from range(10)", "--csv", "--max-rows", "3"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "range\n0\n1\n2\n"
    assert shown.err == "first 3 rows; see more with --max-rows\n"


def test_the_question_may_come_from_stdin(database, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"select 42 as x")))
    assert run(["sql", "-", "--csv"]) == 0
    assert capsys.readouterr().out == "x\n42\n"


def test_a_wrong_question_shows_what_duckdb_says(database, capsys):
    assert run(["sql", "select nope from measurements"]) == 1
    assert '"nope" not found' in capsys.readouterr().err


def test_of_several_statements_none_is_answered_as_if_it_were_all(database, capsys):
    assert run(["sql", "select 1; select 2"]) == 1
    assert capsys.readouterr().err == "docmind: 2 statements: ask one at a time, or join them with a WITH clause\n"


@pytest.mark.parametrize(
    "question", ["select 'a;b' as x;;", "pivot (values (1, 'a;b')) t(n, x) on x using sum(n)", "/* a; b */ select 1"]
)
def test_a_semicolon_in_a_text_or_at_the_end_is_not_a_second_statement(database, capsys, question):
    assert run(["sql", question]) == 0


@pytest.mark.parametrize("question", ["", " ", ";", "/* a comment */"])
def test_an_empty_question_is_one_line(database, capsys, question):
    assert run(["sql", question]) == 1
    assert capsys.readouterr().err == "docmind: the question is empty. Ask one, such as: from token_efficiency\n"


def test_the_database_cant_be_written_to(database, capsys):
    assert run(["sql", "delete from measurements"]) == 1
    assert "read-only" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "set memory_limit = '64GB'",
        "reset memory_limit",
        "pragma memory_limit = '64GB'",
        "set temp_directory = '/tmp'",
        "set max_temp_directory_size = '1TB'",
        "set enable_external_access = true",
        "attach '/tmp/other.duckdb' as other",
        "attach ':memory:' as other",
        "copy runs to '/tmp/runs.csv'",
        "copy (select 1) to '/dev/stdout'",
        "export database '/tmp/all'",
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "from '/etc/passwd'",
        "install httpfs",
        "load httpfs",
    ],
)
def test_bounds_cant_be_lifted_and_no_other_file_be_touched(database, capsys, statement):
    assert run(["sql", statement]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("docmind: ")


SORTED = "select max(r) as n from (select row_number() over (order by md5(range::varchar)) as r from range(400000))"


def test_what_does_not_fit_into_memory_goes_to_a_folder_that_is_gone_afterwards(
    database, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(reading, "MEMORY_MAX", "30MB")

    assert run(["sql", SORTED, "--csv"]) == 0
    assert capsys.readouterr().out == "n\n400000\n"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(reading, "SPILLED_MAX", "1KB")
    assert run(["sql", SORTED]) == 1, "it did need the folder"


def test_a_question_that_would_take_the_machine_is_refused_with_its_limits(database, capsys, monkeypatch):
    monkeypatch.setattr(reading, "MEMORY_MAX", "20MB")
    monkeypatch.setattr(reading, "SPILLED_MAX", "1MB")

    assert run(["sql", "select list(md5(range::varchar)) from range(2000000)"]) == 1
    assert "more than 20MB of memory and 1MB of disk, the limits" in capsys.readouterr().err


def test_without_a_database_the_first_step_is_named(settings, capsys):
    assert run(["sql", "select 1"]) == 1
    assert "docmind bench smoke" in capsys.readouterr().err
