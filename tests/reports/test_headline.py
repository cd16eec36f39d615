from collections import defaultdict
from collections.abc import Callable

import pytest

from docmind_core.reports.benchmark_records import BenchmarkRecords, read_benchmark
from docmind_core.reports.headline import Finding, headline, no_passages_sentence, plumbing_sentence
from docmind_core.statistics.power import TWO_SIDED_80
from tests.reports.planted_run import Row, plant, planted_tables, renamed, settings_of

CLAIM = {"claimable": True, "claimable_because": "70 % fewer tokens"}


def with_tokens(tables: dict[str, list[Row]], **changes: object) -> dict[str, list[Row]]:
    for row in tables["comparisons"]:
        if row["metric"] == "billed_tokens":
            row.update(changes)
    return tables


def with_failure(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    tables["query_runs"][0]["status"] = "failed"
    tables["runs"][0]["plumbing"] = None
    return tables


def without_passages(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Nothing was found for three of tuned's query runs: an abstention that passed, one that did not, an answer."""
    rows = [row for row in tables["query_runs"] if str(row["run_id"]).endswith(".tuned")][:3]
    for row, abstained, passed in zip(rows, (True, True, False), (1.0, 0.0, 0.0), strict=True):
        row.update(no_passages=True, abstained=abstained)
        key = {name: row[name] for name in ("run_id", "query_id", "replicate")}
        tables["measurements"] = [
            *(r for r in tables["measurements"] if r["metric"] != "passed" or any(r[n] != v for n, v in key.items())),
            {**key, "metric": "passed", "value": passed, "missing_because": None, "draw": 0},
        ]
    return tables


def without_scores(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """What a query set of sentences leaves: comparisons are there, and have no values."""
    empty = {"delta": None, "candidate_value": None, "baseline_value": None, "n": 0, "n_left_out": 4}
    tables["comparisons"] = [row | empty if row["metric"] == "passed" else row for row in tables["comparisons"]]
    return tables


RUNS = {
    "unclear": with_tokens(
        planted_tables(("naive_supervisor", "single_pass")), delta=-0.5, delta_low=-1.7, delta_high=0.8
    ),
    "dearer": with_tokens(
        planted_tables(("naive_supervisor", "tuned")),
        delta=1.2,
        delta_low=1.1,
        delta_high=1.3,
        n_left_out=2,
        n_failed=1,
        mde=TWO_SIDED_80 * 0.25 / 10,
    ),
    "did_not_run": with_tokens(
        planted_tables(("naive_supervisor", "single_pass", "tuned")),
        verdict="not_judged",
        because="naive_supervisor did not run (4 of 4 answers are fallbacks, does the engine support structured "
        "output?)",
    ),
    "claimed": with_tokens(planted_tables(("naive_supervisor", "tuned")), **CLAIM),
    "refused": with_tokens(
        planted_tables(("naive_supervisor", "tuned")),
        claimable=False,
        claimable_because="not claimable: ran on tiny, a smoke-test model; quality is worse (x, y); 4 queries",
    ),
    "no_baseline": with_failure(planted_tables(("single_pass",))),
    "one_call_alone": planted_tables(("single_pass", "tuned")),
    "unscored": without_scores(planted_tables(("naive_supervisor", "tuned"))),
    "baseline_alone": planted_tables(("naive_supervisor",)),
    "nothing_found": without_passages(planted_tables(("naive_supervisor", "tuned"))),
}


@pytest.fixture(scope="module")
def records_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], BenchmarkRecords]:
    settings = settings_of(tmp_path_factory.mktemp("headline"))
    together: dict[str, list[Row]] = defaultdict(list)
    for key, tables in RUNS.items():
        for table, rows in renamed(tables, key).items():
            together[table] += rows
    plant(settings, together)
    return lambda key: read_benchmark(settings, key)


def test_an_interval_across_zero_is_not_a_clear_difference(records_of):
    (finding,) = headline(records_of("unclear"))
    assert finding.main == (
        "single_pass shows no clear difference in billed tokens to naive_supervisor: 39 % fewer per query "
        "(−123 to 82 %)."
    )


def test_an_arm_that_costs_more_is_said_to_cost_more(records_of):
    (finding,) = headline(records_of("dearer"))
    assert finding.main == ("tuned used 232 % more billed tokens per query than naive_supervisor (200 to 267 %).")
    assert finding.rest.startswith(
        "Tokens were compared over 4 queries, 2 left out, 1 not answered by both; MDE 7.3 %; routing fixed. Quality "
    )


def test_no_headline_compares_with_an_arm_whose_answers_are_fallbacks(records_of):
    (finding, *_) = headline(records_of("did_not_run"))
    assert finding.main == (
        "tuned can't be compared in tokens: naive_supervisor did not run (4 of 4 answers are fallbacks, does the "
        "engine support structured output?)."
    )


def test_a_claim_is_made_with_its_grounds(records_of):
    (finding,) = headline(records_of("claimed"))
    assert (finding.claim, finding.reasons) == ("A saving may be claimed.", ("70 % fewer tokens",))


def test_a_claim_that_may_not_be_made_says_the_first_reason_and_lists_all(records_of):
    (finding,) = headline(records_of("refused"))
    assert finding.claim == "A saving may not be claimed: ran on tiny, a smoke-test model, and 2 more reasons."
    assert finding.reasons == ("ran on tiny, a smoke-test model", "quality is worse (x, y)", "4 queries")


def test_one_arm_alone_is_summed_up_and_failures_are_counted(records_of):
    assert headline(records_of("no_baseline")) == (
        Finding(
            main="single_pass answered 3 of 4 queries; 0.50 passed (0.15 to 0.85); 430 billed tokens per query.",
            rest="1 of 4 query runs of single_pass failed: in quality they count as not passed, and what is known of "
            "their tokens is only in the line over all queries. Compare it with another run: docmind compare latest "
            "RUN.",
        ),
    )


def test_quality_is_that_of_the_first_metric_with_values_in_both_arms(records_of):
    """Free-form query sets: `passed` waits for a judge, `token_f1` has values."""
    (_, finding) = sorted(headline(records_of("one_call_alone")), key=lambda found: found.main.startswith("tuned"))
    assert finding.main.startswith("tuned can't be compared in tokens: no naive_supervisor arm in this run;")
    assert finding.rest == (
        "Quality (token_f1) is inconclusive: 0.50 against 0.45 of single_pass, a difference of 0.05 "
        "(−0.02 to 0.12; 3 queries, 1 left out; MDE 0.10)."
    )


def test_without_any_score_quality_was_not_compared_and_says_with_what(records_of):
    (finding,) = headline(records_of("unscored"))
    assert "Quality was not compared with naive_supervisor: no query has a score in both arms." in finding.rest


def test_a_baseline_alone_is_summed_up_as_any_other_arm(records_of):
    (finding,) = headline(records_of("baseline_alone"))
    assert finding.main.startswith("naive_supervisor answered 4 of 4 queries; 0.50 passed")


def test_only_plumbing_models_are_warned_about(records_of):
    assert plumbing_sentence(records_of("no_baseline")) is None
    assert "SmolLM2-135M-Instruct" in (plumbing_sentence(records_of("claimed")) or "")


def test_queries_that_found_no_passage_are_counted_and_abstentions_that_pass_by_it_are_named(records_of):
    assert no_passages_sentence(records_of("nothing_found")) == (
        "Searches found no passage for 3 of 4 query runs of tuned (2 abstained, 1 of them counted as right)."
    )
    assert no_passages_sentence(records_of("claimed")) is None
