"""The last runs of each arm: what is read of them, and what the chart marks."""

from datetime import UTC, datetime, timedelta

import pytest

from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.history import RUNS_SHOWN, read_history
from docmind_core.reports.history_chart import history_png, history_svg
from docmind_core.runs.run_names import pin_baselines
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from tests.builders import make_query_run_row, make_run_row, make_score_row, write_rows

NIGHTS = 33
FIRST = datetime(2026, 10, 1, 2, tzinfo=UTC)
KEYS = [f"{FIRST + timedelta(days=at):%Y%m%dT%H%M%SZ}-smoke-7f3a" for at in range(NIGHTS)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """33 nights of one arm: 20 on another model, 25 on another commit, 28 resumed, 30 unscored."""
    settings = Settings(home=tmp_path_factory.mktemp("history"))
    for at, key in enumerate(KEYS):
        row = make_run_row(
            f"{key}.tuned",
            started_at=FIRST + timedelta(days=at),
            series_key="b" if at >= 20 else "a",
            git_sha="2" if at >= 25 else "1",
            comparable=at != 28,
        )
        rows = {
            "runs": [row],
            "query_runs": [
                make_query_run_row("q1", billed_tokens=1000 + at, fallback=at % 2 == 0, wall_s=1.5),
                make_query_run_row("q2", billed_tokens=None if at == 31 else 1000 + at, tokens_missing_because="x"),
            ],
            "measurements": []
            if at == 30
            else [make_score_row("passed", float(at == 32)), make_score_row("token_f1", 1.0)],
        }
        write_rows(settings, rows, f"{key}.tuned")
    limit = {"run_id": f"{KEYS[-1]}.tuned", "limit_name": "pass_ratio_min", "metric": "pass_ratio", "agent": "all"}
    from docmind_core.tables.segments import write_segment

    write_segment(
        settings.tables,
        "limit_results",
        limit["run_id"],
        [{**limit, "set_to": 0.8, "bound": 0.8, "state": "met", "value": 1.0, "side": "min"}],
    )
    pin_baselines(settings, f"{KEYS[22]}.tuned", "good")
    publish(settings)
    return settings


@pytest.fixture(scope="module")
def history(home):
    (found,) = read_history(home, read_benchmark(home, KEYS[-1]))
    return found


def test_the_last_comparable_runs_are_shown_up_to_this_one(home, history):
    nights = [at for at in range(NIGHTS) if at != 28][-RUNS_SHOWN:]
    assert history.run_ids == tuple(f"{KEYS[at]}.tuned" for at in nights)
    (earlier,) = read_history(home, read_benchmark(home, KEYS[5]))
    assert earlier.run_ids[-1] == f"{KEYS[5]}.tuned"


def test_what_was_not_measured_is_a_gap_and_never_a_zero(history):
    of_night = dict(zip(history.run_ids, zip(*history.values.values(), strict=True), strict=True))
    assert of_night[f"{KEYS[30]}.tuned"] == (None, 0.5, 1030.0, 1.5)
    assert of_night[f"{KEYS[31]}.tuned"] == (0.0, 1.0, None, 1.5)
    assert of_night[f"{KEYS[32]}.tuned"] == (1.0, 0.5, 1032.0, 1.5)


def test_changes_of_condition_and_of_commit_the_baseline_and_the_limit_are_marked(history):
    place = {run_id: at for at, run_id in enumerate(history.run_ids)}
    assert history.new_series == (place[f"{KEYS[20]}.tuned"],)
    assert history.new_origin == (place[f"{KEYS[25]}.tuned"],)
    assert (history.baseline, history.limits) == (place[f"{KEYS[22]}.tuned"], {"pass_ratio": 0.8})


def test_the_first_run_of_a_suite_has_no_history(home):
    assert read_history(home, read_benchmark(home, KEYS[0])) == ()


def test_the_chart_is_text_that_a_screen_reader_has_words_for(history):
    drawn = str(history_svg([history]))
    assert drawn.startswith('<svg role="img" aria-label="Small multiples')
    assert all(title in drawn for title in ("pass ratio", "tokens per query", "tuned"))
    assert history_png([history]).startswith(b"\x89PNG")
