from docmind_core.reports.benchmark_records import BenchmarkRecords, read_benchmark
from docmind_core.reports.headline import Finding, headline, plumbing_sentence
from docmind_core.settings import Settings
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables


def records_of(home: Settings, tables: dict) -> BenchmarkRecords:
    plant(home, tables)
    return read_benchmark(home, BENCHMARK_RUN)


def test_an_interval_across_zero_is_no_clear_difference(home):
    tables = planted_tables(("naive_supervisor", "single_pass"))
    for row in tables["comparisons"]:
        row |= {"delta": -0.5, "delta_low": -1.7, "delta_high": 0.8} if row["metric"] == "billed_tokens" else {}
    (finding,) = headline(records_of(home, tables))
    assert finding.main == (
        "single_pass shows no clear difference in billed tokens to naive_supervisor: 39 % fewer per query "
        "(routing fixed; 95 % interval −123 to 82 %; 4 queries)."
    )


def test_an_arm_that_costs_more_is_said_to_cost_more(home):
    tables = planted_tables(("naive_supervisor", "tuned"))
    for row in tables["comparisons"]:
        row |= {"delta": 1.2, "delta_low": 1.1, "delta_high": 1.3} if row["metric"] == "billed_tokens" else {}
    (finding,) = headline(records_of(home, tables))
    assert finding.main == (
        "tuned used 232 % more billed tokens per query than naive_supervisor "
        "(routing fixed; 95 % interval 200 to 267 %; 4 queries)."
    )


def test_without_a_baseline_no_reduction_is_stated_and_failures_are_counted(home):
    tables = planted_tables(("single_pass",))
    tables["query_runs"][0] |= {"status": "failed"}
    assert headline(records_of(home, tables)) == (
        Finding(
            main="single_pass can't be compared in tokens: no naive_supervisor arm in this run.",
            rest="Quality was not compared. 1 of 4 query runs of single_pass failed: their tokens and scores count as "
            "they are.",
        ),
    )


def test_a_baseline_alone_has_nothing_to_be_compared_with(home):
    records = records_of(home, planted_tables(("naive_supervisor",)))
    assert headline(records) == (Finding(main="Only naive_supervisor ran, so there is nothing to compare it with."),)


def test_a_claim_is_made_with_its_grounds(home):
    tables = planted_tables(("naive_supervisor", "tuned"))
    for row in tables["comparisons"]:
        row |= {"claimable": True, "claimable_because": "70 % fewer tokens"} if row["metric"] == "billed_tokens" else {}
    (finding,) = headline(records_of(home, tables))
    assert finding.rest.endswith("A saving may be claimed: 70 % fewer tokens.")


def test_only_plumbing_models_are_warned_about(home):
    tables = planted_tables(("single_pass",))
    tables["runs"] = [row | {"plumbing": None} for row in tables["runs"]]
    assert plumbing_sentence(records_of(home, tables)) is None
