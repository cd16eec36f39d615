"""A path is data: no name of a folder above the home is read as syntax."""

import pytest

from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows, query_segments
from docmind_core.tables.segments import read_segment
from tests.builders import RUN_ID, make_query_run_row, make_run_row, write_rows

NAMES = (
    *("run_id=7", "query_id=q9", "a=b", "x[1]y", "[", "a*b", "**", "a?b", "q'uote", 'q"uote', "sp ace", "100%", "%20"),
    *(
        "ünï漢",
        "new\nline",
        "back\\slash",
        "back\\*",
        "semi;colon",
        "{a,b}",
        "~",
        "a#b",
        "$x",
        "-dash",
        "file:",
        "tab\t",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_published_and_asked_for_as_they_were_written_wherever_the_home_is(tmp_path, name):
    (tmp_path / "a-b" / "home").mkdir(parents=True)  # what `a*b` and `a?b` would match as patterns
    settings = Settings(home=tmp_path / name / "home")
    write_rows(settings, {"query_runs": [make_query_run_row()]})

    publish(settings)

    wanted = [(RUN_ID, "q1")]
    sql = "select run_id, query_id from query_runs"
    assert query_rows(settings, sql)[1] == wanted
    assert query_segments(settings.tables, [RUN_ID], sql)[1] == wanted
    assert read_segment(settings.tables, "query_runs", RUN_ID)[0]["run_id"] == RUN_ID
    assert {path.name for path in settings.home.iterdir()} == {"metrics.duckdb", "summaries", "tables"}


def test_a_pattern_in_a_path_takes_no_rows_of_its_neighbours(tmp_path):
    for name in ("a*b", "axb"):
        settings = Settings(home=tmp_path / name)
        write_rows(settings, {"runs": [make_run_row(arm=name)]})
    publish(Settings(home=tmp_path / "a*b"))

    assert query_rows(Settings(home=tmp_path / "a*b"), "select arm from runs")[1] == [("a*b",)]
