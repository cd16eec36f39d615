from pathlib import Path
from types import SimpleNamespace

import pytest

from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.summary import ledger_line
from tests.reports.planted_run import BENCHMARK_RUN, make_query_row, make_run, plant, planted_tables, settings_of


def test_the_summary_shows_the_arms_in_a_table_and_ends_with_the_path(tmp_path: Path):
    settings = settings_of(tmp_path)
    plant(settings, planted_tables())
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    lines = report.summary.splitlines()
    assert lines[2].split() == [
        *("arm", "answered", "failed", "calls/query", "tokens/query", "saved", "×", "one", "call", "median"),
        *("passed", "exact_match"),
    ]
    assert " ".join(lines[4].split()) == "naive_supervisor 4 of 4 0 10 4,300 – – 12.3 s 0.50 0.50"
    assert lines[-2] == "Ledger: 3 of 3 engine sessions balanced to the token."
    assert lines[-1] == f"Report: {report.html}"


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        *((110, ""), (100, "exact_match"), (90, "calls/query, exact_match"), (80, "failed, calls/query, exact_match")),
        (70, None),
    ],
)
def test_a_narrow_terminal_does_without_the_columns_that_say_least_and_names_them(tmp_path: Path, width, left_out):
    settings = settings_of(tmp_path)
    tables = planted_tables()
    for place, arm in enumerate(("single_pass@budget", "tuned-prefix_order", "naive+fixed_edges")):
        tables["runs"].append(make_run(arm, place=place + 5))
        tables["query_runs"].append(make_query_row("tuned", "q0000") | {"run_id": f"{BENCHMARK_RUN}.{arm}"})
    plant(settings, tables)
    lines = write_benchmark_report(settings, BENCHMARK_RUN, width=width).summary.splitlines()
    note = next((line.partition(": ")[2] for line in lines if line.startswith("In the report: ")), "")
    if left_out is None:
        assert "── 1 of 6" in " ".join(lines), "with less room each arm is a block of lines"
    else:
        assert note == left_out
        head = next(place for place, line in enumerate(lines) if line.startswith("arm "))
        (length,) = {len(line) for line in lines[head : head + 7]}
        assert length <= width


def test_the_summary_of_many_arms_stays_within_32_lines(tmp_path: Path):
    settings = settings_of(tmp_path)
    tables = planted_tables()
    for place in range(12):
        arm = f"tuned-lever{place}"
        tables["runs"].append(make_run(arm, place=place + 5))
        tables["query_runs"].append(make_query_row("tuned", "q0000") | {"run_id": f"{BENCHMARK_RUN}.{arm}"})
    for row in tables["comparisons"]:
        row["claimable_because"] = "because " * 200
    plant(settings, tables)
    summary = write_benchmark_report(settings, BENCHMARK_RUN).summary
    assert len(summary.splitlines()) <= 32
    assert "... and 9 more arms in the report" in summary


def test_summary_and_report_say_in_one_line_what_share_of_the_queries_nothing_judges(tmp_path: Path):
    settings = settings_of(tmp_path)
    tables = planted_tables()
    for row in tables["measurements"]:
        if row["metric"] == "passed" and row["query_id"] == "q0000":
            row |= {"value": None, "missing_because": "judge_disabled"}
    plant(settings, tables)
    report = write_benchmark_report(settings, BENCHMARK_RUN)

    line = "Not judged: 25 % of the queries (3 of 12 query runs) have no accepted answer"
    assert line in " ".join(report.summary.split())
    for path in (report.html, report.html.with_name("report.md")):
        assert line in path.read_text(encoding="utf-8")


def test_where_every_query_is_judged_nothing_is_said_of_it(tmp_path: Path):
    settings = settings_of(tmp_path)
    plant(settings, planted_tables())
    assert "Not judged" not in write_benchmark_report(settings, BENCHMARK_RUN).summary


def test_replies_that_are_not_whole_answers_are_counted_apart_with_what_to_raise(tmp_path: Path):
    settings = settings_of(tmp_path)
    tables = planted_tables()
    of_tuned = [row for row in tables["query_runs"] if row["run_id"].endswith(".tuned")]
    of_tuned[0] |= {"ended_because": "max_tokens"}
    for row in of_tuned[1:3]:
        row |= {"status": "failed", "answer": None, "error_type": "NoAnswer", "ended_because": "thinking"}
    plant(settings, tables)

    report = write_benchmark_report(settings, BENCHMARK_RUN)

    sentence = (
        "Text cut off at max_tokens: 1 of 4 queries of tuned; raise answer_max_tokens. No text: thinking used up "
        "max_tokens: 2 of 4 queries of tuned; raise answer_max_tokens, or turn thinking off in the server."
    )
    assert sentence in " ".join(report.summary.split())
    assert sentence in report.html.read_text("utf-8")
    page = report.markdown.read_text("utf-8")
    assert sentence in page
    assert "| failed, no text: thinking used up max_tokens | 0 | 0 | 2 |" in page


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("not_exclusive",), "tuned0 not_exclusive"),
        (("no_metrics",) * 9, "all no_metrics"),
        (("balanced", "no_metrics"), "tuned1 no_metrics"),
        (("unbalanced", "no_metrics"), "tuned0 unbalanced, tuned1 no_metrics"),
    ],
)
def test_a_ledger_that_is_open_for_one_reason_in_all_arms_says_so_once(states, said):
    ledger = [SimpleNamespace(run_id=f"r{place}", state=state) for place, state in enumerate(states)]
    records = SimpleNamespace(ledger=ledger, arm_names={f"r{place}": f"tuned{place}" for place in range(len(states))})

    assert ledger_line(records).endswith(f"engine sessions balanced to the token; {said}")
