import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docmind_core.errors import UsageError
from docmind_core.reports.benchmark import ReportPaths, write_benchmark_report
from docmind_core.settings import Settings
from tests.reports.planted_run import (
    BENCHMARK_RUN,
    make_query_row,
    make_run,
    plant,
    planted_tables,
    run_id_of,
    settings_of,
)

HOSTILE = "<script>alert(1)</script>\x1b[31m\"'|`*_\n{{ 7*7 }} {% raw %} \u202e"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


def write(settings: Settings, tables: dict) -> tuple[ReportPaths, str, str]:
    plant(settings, tables)
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    return report, report.html.read_text("utf-8"), report.markdown.read_text("utf-8")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportPaths, str, str]:
    """The report of a run in which nothing went wrong."""
    return write(settings_of(tmp_path_factory.mktemp("undisturbed")), planted_tables())


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportPaths, str, str]:
    """The report of a run with a failure, a fallback, a resumed query, warm-up and long replies."""
    tables = planted_tables()
    failed = {"status": "failed", "answer": None, "error_type": "CallTimeout", "error_message": "late"}
    tables["query_runs"][0] |= failed
    tables["query_runs"][1] |= {"wall_s": None, "times_missing_because": "resumed", "coordination_overhead_s": None}
    tables["query_runs"][-1] |= {"fallback": True, "fallback_because": "query_router: OutputInvalid"}
    tables["query_runs"].append(make_query_row("single_pass", "warm", phase="warmup", status="failed"))
    order = '{"suite": {"arms": ["tuned", "single_pass", "naive_supervisor"]}}'
    tables["runs"] = [row | {"manifest": order, "plumbing": False} for row in tables["runs"]]
    tables["llm_calls"] = [row | {"reply": "x" * 5000} for row in tables["llm_calls"]]
    return write(settings_of(tmp_path_factory.mktemp("rough")), tables)


def test_figures_that_plot_are_named_by_suite_and_arm_and_unknown_ones_are_left_out(undisturbed, rough):
    whole, broken = undisturbed[0].plotted, rough[0].plotted
    arms = {name.split(", ")[1].split(":")[0] for name in whole}
    assert {"single_pass", "naive_supervisor", "tuned"} <= arms
    assert {name.split(": ")[1] for name in whole} == {"passed", "tokens per query", "median time per query (s)"}
    assert None not in broken.values()


class Tags(HTMLParser):
    """Counts tags and checks that they nest."""

    VOID = frozenset({"meta", "br", "use", "path", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def without_markup(html: str) -> str:
    text = re.sub(r"<(style|svg)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_the_report_answers_cost_quality_and_claim_first(undisturbed):
    report, html, markdown = undisturbed
    expected = (
        "tuned used 70 % fewer billed tokens per query than naive_supervisor (67 to 73 %); "
        "3.00 × the tokens of one call (2.72 to 3.32)."
    )
    rest = (
        "Tokens were compared over 4 queries; MDE unknown; routing fixed. "
        "Quality (passed) is inconclusive: 0.50 against 0.50 of naive_supervisor, a difference of 0.00 (−0.40 to 0.40; "
        "4 queries; MDE 0.21). "
        "Quality (token_f1) is inconclusive: 0.50 against 0.45 of single_pass, a difference of 0.05 (−0.02 to 0.12; "
        "3 queries, 1 left out; MDE 0.10)."
    )
    claim = "A saving may not be claimed: quality undecided (n = 4 is below 300)."
    assert f'<p class="lead">{expected}</p>\n<p>{claim}</p>' in html.partition("<details>")[0]
    assert rest in html
    assert f"**{expected}** {rest} {claim}" in markdown
    assert f"{expected} {claim}" in " ".join(report.summary.split()), "the tables above it say the rest"


def test_a_plumbing_model_is_named_as_such_everywhere(undisturbed):
    report, html, markdown = undisturbed
    for text in (without_markup(html), markdown, " ".join(report.summary.split())):
        assert "a smoke-test model" in text


def test_a_real_model_carries_no_warning(rough):
    _, html, _ = rough
    assert "plumbing:" not in html


def test_the_page_is_one_file_without_scripts_or_links_outside(undisturbed):
    _, html, _ = undisturbed
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    tags = Tags(html)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(tags.seen)
    assert not re.search(r'(?:href|src)="(?!#)', html)


def test_tokens_by_agent_and_quality_are_drawn(undisturbed):
    """S71: the guide imported matplotlib and drew nothing."""
    _, html, _ = undisturbed
    drawn = re.findall(r'<svg role="img" aria-label="([^"]+)"', html)
    assert [text.partition(" of each arm")[0] for text in drawn] == [
        "Share of queries that passed against billed tokens per query; on the front: single_pass",
        "Stacked bars: billed tokens per query",
        "Mean score",
    ]


def test_arms_are_in_the_order_of_the_suite(rough):
    _, _, markdown = rough
    assert "| tuned | single_pass | naive_supervisor |" in markdown


def test_an_unknown_benchmark_run_is_refused_with_the_newest_keys(undisturbed):
    home = undisturbed[0].html.parents[2]
    with pytest.raises(UsageError, match=rf"no benchmark run 'gone'.*newest: {BENCHMARK_RUN}"):
        write_benchmark_report(Settings(home=home), "gone")


def test_a_run_that_answered_nothing_says_so_and_claims_nothing(settings):
    tables = planted_tables(("single_pass", "naive_supervisor"))
    failed = {
        "status": "failed", "answer": None, "error_type": "EngineUnreachable", "error_message": "nothing answers",
        "wall_s": None, "times_missing_because": "failed_run", "citations": None, "passages": None,
    }  # fmt: skip
    tables["query_runs"] = [row | failed for row in tables["query_runs"]]
    tables |= {"measurements": [], "comparisons": []}
    report, html, markdown = write(settings, tables)
    for text in (without_markup(html), markdown, report.summary):
        assert "No query was answered." in text
    assert "Of 8 query runs 8 failed." in markdown
    assert markdown.count("EngineUnreachable: nothing answers") >= 8
    assert "not measured: not scored" in markdown


def test_an_arm_without_any_row_still_has_a_column(settings):
    report, _, markdown = write(settings, {"runs": [make_run("single_pass", status="incomplete")]})
    assert "| answered | 0 of 4 (4 never finished) |" in markdown
    assert "| billed tokens | not measured: no query finished |" in markdown
    assert "No query was answered." in report.summary


def test_nulls_everywhere_are_shown_as_not_measured_and_never_as_zero(settings):
    keys = {"run_id": run_id_of("tuned"), "benchmark_run": BENCHMARK_RUN, "arm": "tuned"}
    query = {"run_id": run_id_of("tuned"), "query_id": "q0", "replicate": 0, "status": "answered"}
    unknown = dict.fromkeys(("tokens_missing_because", "cached_missing_because"), "no_usage")
    call = query | {"call_id": "c", "attempt": 1, **unknown}
    del call["status"]
    score = {"run_id": run_id_of("tuned"), "query_id": "q0", "replicate": 0, "metric": "token_f1", "draw": 0}
    tables = {
        "runs": [keys],
        "query_runs": [query],
        "llm_calls": [call],
        "measurements": [score | {"missing_because": "no_gold"}],
    }
    _, html, markdown = write(settings, tables)
    assert "| billed tokens | not measured |" in markdown
    assert "| token_f1 | not measured: no gold in the query set |" in markdown
    assert Tags(html).open == []


def test_a_passage_is_shown_as_the_model_read_it(settings):
    """Cut to the window or to a budget: the text that was found would explain another answer."""
    tables = planted_tables()
    for row in tables["query_runs"]:
        row["passages_read_as"] = '{"topic-x#2": "what was left of it <b>"}'
    _, html, markdown = write(settings, tables)

    assert "shortened for the model" in html
    assert '<pre tabindex="0">what was left of it &lt;b&gt;</pre>' in html
    assert "topic-x#2 (shortened)" in markdown
    assert Tags(html).open == []


def test_cached_tokens_that_are_missing_have_the_reason_of_their_row(settings):
    tables = planted_tables()
    for row in tables["query_runs"]:
        row |= {"cached_tokens": None, "cached_missing_because": "unreconciled"}
    _, _, markdown = write(settings, tables)

    counts = [line for line in markdown.splitlines() if "| cached tokens of a query |" in line]
    assert counts
    assert all("usage of a cut-off call unknown" in line for line in counts)


def test_hostile_text_stays_text(settings):
    tables = planted_tables()
    for row in tables["query_runs"]:
        row |= {"query": HOSTILE, "answer": HOSTILE, "fallback": True, "fallback_because": HOSTILE}
        row |= {"citations": f'["{HOSTILE[:8]}"]', "passages": '["<i>#0"]', "agent_sequence": '["<u>"]'}
    for row in tables["llm_calls"]:
        row |= {"reply": HOSTILE, "error_type": HOSTILE, "error_message": HOSTILE, "task": HOSTILE}
    for row in tables["runs"]:
        row |= {"model": HOSTILE, "manifest": '{"x": "</pre><script>"}'}
    report, html, markdown = write(settings, tables)
    tags = Tags(html)
    assert tags.open == []
    assert not {"script", "i", "u"} & set(tags.seen)
    assert "{{ 7*7 }}" in html
    for text in (html, markdown, report.summary):
        assert "\x1b" not in text
        assert "\u202e" not in text
    outside_blocks = re.sub(r"^(`{3,})text\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert "<script" not in outside_blocks
    tables_of_markdown = [line for line in outside_blocks.splitlines() if line.startswith("| tuned | q")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in tables_of_markdown)


def test_replies_are_cut_with_a_note(rough):
    _, html, markdown = rough
    assert "x" * 601 not in html
    assert "[4,400 more characters]" in html
    assert "more characters" in markdown


def test_each_example_shows_what_each_agent_said_and_from_where(undisturbed):
    _, html, _ = undisturbed
    text = without_markup(html)
    assert "What does q0001 return?" in text
    assert "supervisor says something about q0001." in text
    assert "topic-q0001#0 document topic-q0001 cited" in text
    assert "topic-x#2 document topic-x" in text
    assert "exact_match 1.00, token_f1 0.80, passed 1.00" in text


def test_an_unbalanced_ledger_is_explained(settings):
    tables = planted_tables()
    extra = tables["llm_calls"][0] | {"call_id": "doubled"}
    tables["llm_calls"].append(extra)
    report, html, _ = write(settings, tables)
    assert "Ledger: 2 of 3 engine sessions balanced to the token; single_pass unbalanced" in report.summary
    assert "the engine counted -400 prompt" in without_markup(html)


def test_failures_and_fallbacks_are_counted_and_named(rough):
    _, _, markdown = rough
    assert "1 failed, 1 answered by a fallback" in markdown
    assert "| single_pass | q0000 | failed | CallTimeout: late |" in markdown
    assert "| tuned | q0003 | fallback | query_router: OutputInvalid |" in markdown


def test_resumed_queries_have_tokens_but_no_times(rough):
    _, _, markdown = rough
    assert "| wall time, median | 3.7 s | 1.23 s (n 3 of 4) | 12.3 s |" in markdown
    assert "| single_pass | times of a query | 1 | resumed |" in markdown


def test_warm_up_is_left_out(rough):
    assert "| answered | 4 of 4 | 3 of 4 | 4 of 4 |" in rough[2]
    assert not re.search(r"\bwarm\b", without_markup(rough[1]))


def test_writing_again_replaces_the_report_and_leaves_no_parts(undisturbed):
    first, html, _ = undisturbed
    again = write_benchmark_report(Settings(home=first.html.parents[2]), BENCHMARK_RUN)
    assert again == first
    assert again.html.read_text("utf-8") == html
    assert sorted(path.name for path in first.html.parent.iterdir()) == ["index.html", "report.md"]


def test_metrics_and_reasons_that_are_shown_are_defined(rough):
    _, _, markdown = rough
    section = markdown.split("## Definitions")[1]
    assert "- **exact_match**: The normalised answer equals a normalised accepted answer" in section
    assert "- **resumed**: the query was finished from replayed calls" in section
    assert "judge_disabled" not in section
