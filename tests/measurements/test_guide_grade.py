from dataclasses import replace
from statistics import fmean

import pytest

from docmind_core.measurements.guide_grade import (
    ExecutionStatistics,
    TokenBlock,
    guide_grade_v1,
    token_block,
    tokens_per_second,
)
from docmind_core.reports.recommendations import levers_on, recommend, sentences

AGENTS = ("query_router", "retrieval_expert", "result_synthesizer")


def statistics(**changes: object) -> ExecutionStatistics:
    values: dict = {"executions": 100, "avg_execution_time_s": 0.5, "avg_vram_gb": 12.0, "total_tokens": 50_000}
    return ExecutionStatistics(**values | changes)


def golden() -> tuple[dict[str, ExecutionStatistics], ExecutionStatistics]:
    """The guide's usage example: three agents, fifty growing executions each."""
    times = [0.2 + i * 0.01 for i in range(50)]
    tokens = [(100 + i) + (50 + i) for i in range(50)]
    vram = [12.0 + i * 0.05 for i in range(50)]
    agent = ExecutionStatistics(
        executions=50, avg_execution_time_s=fmean(times), avg_vram_gb=fmean(vram), total_tokens=sum(tokens)
    )
    return dict.fromkeys(AGENTS, agent), replace(agent, executions=150, total_tokens=3 * sum(tokens))


def test_the_usage_example_gets_85_points_and_a_good():
    """S70."""
    _, system = golden()
    grade = guide_grade_v1(system)
    assert system.total_tokens == 29_850
    assert system.avg_execution_time_s == pytest.approx(0.445)
    assert system.avg_vram_gb == pytest.approx(13.225)
    assert dict(grade.parts) == {"execution time": 25, "VRAM": 20, "executions": 25, "tokens per second": 15}
    assert (grade.points, grade.grade) == (85, "A Good")
    assert str(grade) == "A Good (85 of 100 points)"


def test_the_usage_example_has_447_tokens_per_second_and_one_recommendation():
    """S70."""
    agents, system = golden()
    assert token_block(system) == TokenBlock(
        tokens_per_second=pytest.approx(447.19101123595505, rel=1e-12),
        avg_tokens_per_execution=199.0,
        token_processing_efficiency="Normal",
    )
    assert sentences(recommend(agents, system)) == (
        "Low token efficiency detected - review context optimization strategies",
    )


@pytest.mark.parametrize(
    ("part", "changes", "points"),
    [
        ("execution time", {"avg_execution_time_s": 0.5}, 25),
        ("execution time", {"avg_execution_time_s": 0.5000001}, 20),
        ("execution time", {"avg_execution_time_s": 1.0}, 20),
        ("execution time", {"avg_execution_time_s": 2.0}, 15),
        ("execution time", {"avg_execution_time_s": 2.0000001}, 5),
        ("VRAM", {"avg_vram_gb": 12.0}, 25),
        ("VRAM", {"avg_vram_gb": 14.0}, 20),
        ("VRAM", {"avg_vram_gb": 16.0}, 15),
        ("VRAM", {"avg_vram_gb": 16.0001}, 5),
        ("executions", {"executions": 100}, 25),
        ("executions", {"executions": 99}, 20),
        ("executions", {"executions": 50}, 20),
        ("executions", {"executions": 20}, 15),
        ("executions", {"executions": 19}, 10),
        ("tokens per second", {"total_tokens": 50_000}, 25),
        ("tokens per second", {"total_tokens": 49_999}, 20),
        ("tokens per second", {"total_tokens": 25_000}, 20),
        ("tokens per second", {"total_tokens": 10_000}, 15),
        ("tokens per second", {"total_tokens": 9_999}, 10),
    ],
)
def test_bounds_are_inclusive_and_compare_unrounded_values(part, changes, points):
    """S66."""
    assert guide_grade_v1(statistics(**changes)).parts[part] == points


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({}, "A+ Excellent"),
        ({"avg_vram_gb": 14.0, "executions": 50, "total_tokens": 25_000}, "A+ Excellent"),
        ({"avg_vram_gb": 16.0, "executions": 50, "total_tokens": 25_000}, "A Good"),
        ({"avg_vram_gb": 16.1, "executions": 50, "total_tokens": 24_999}, "B Average"),
        ({"avg_vram_gb": 16.1, "executions": 20, "total_tokens": 9_999}, "C Below Average"),
        (
            {"avg_vram_gb": 16.1, "executions": 1, "total_tokens": 1, "avg_execution_time_s": 3.0},
            "D Needs Improvement",
        ),
    ],
)
def test_the_five_grades_keep_the_names_of_the_guide(changes, grade):
    """S66."""
    assert guide_grade_v1(statistics(**changes)).grade == grade


@pytest.mark.parametrize(
    ("changes", "points", "possible"),
    [
        ({"avg_vram_gb": None}, 75, 75),
        ({"avg_execution_time_s": 0.0}, 50, 50),
        ({"vram_n": 99}, 75, 75),
        ({"avg_execution_time_s": None}, 50, 50),
        ({"total_tokens": None}, 75, 75),
        ({"executions": 0, "avg_execution_time_s": None, "avg_vram_gb": None, "total_tokens": None}, 0, 0),
    ],
)
def test_an_unknown_part_gives_no_grade_and_never_full_points(changes, points, possible):
    """S66: n/a, with the partial points."""
    grade = guide_grade_v1(statistics(**changes))
    assert (grade.grade, grade.points, grade.points_possible) == ("n/a", points, possible)


def test_a_missing_part_is_named():
    assert str(guide_grade_v1(statistics(avg_vram_gb=None))) == "n/a (75 of 75 points without VRAM: not measured)"


def test_zero_time_has_no_rate_instead_of_an_error():
    idle = statistics(avg_execution_time_s=0.0)
    assert tokens_per_second(idle) is None
    assert token_block(idle).token_processing_efficiency == "n/a"


def test_a_thousand_tokens_per_second_is_still_normal():
    assert token_block(statistics(total_tokens=50_000)).token_processing_efficiency == "Normal"
    assert token_block(statistics(total_tokens=50_001)).token_processing_efficiency == "High"


def test_recommendations_are_those_of_the_guide_in_its_order():
    """S67."""
    slow = statistics(avg_execution_time_s=1.256, avg_vram_gb=14.5, total_tokens=100_000)
    assert sentences(recommend({"query_router": slow}, slow)) == (
        "Consider optimizing query_router - high execution time (1.26s)",
        "Monitor query_router VRAM usage - approaching limits (14.50GB)",
        "Consider enabling FP8 KV cache optimization to reduce VRAM usage",
        "Consider increasing parallel execution to improve throughput",
    )


def test_each_recommendation_is_shown_with_what_it_rests_on():
    """S67: metric, value, threshold, n."""
    slow = statistics(avg_execution_time_s=1.256, avg_vram_gb=14.5, total_tokens=10_000, vram_n=80)
    assert [one.evidence for one in recommend({"query_router": slow}, slow)] == [
        "avg_execution_time 1.256, above 1, n 100",
        "avg_vram_usage 14.5, above 14, n 80",
        "avg_vram_usage 14.5, above 14, n 80",
        "avg_execution_time 1.256, above 1, n 100",
        "avg_tokens_per_execution 100, below 500, n 100",
    ]


def test_what_is_on_already_is_not_recommended():
    """S67: only when the lever is off."""
    slow = statistics(avg_execution_time_s=1.256, avg_vram_gb=14.5, total_tokens=100_000)
    on = levers_on("tuned", "rtx4090-fp8-128k")
    assert {"fp8_kv_cache", "parallel_tools"} <= on
    assert sentences(recommend({}, slow, on)) == ()
    assert [one.held_back for one in recommend({}, slow, on)] == [True, True]
    assert len(sentences(recommend({}, slow, levers_on("naive_supervisor", "cpu-smollm2")))) == 2
    assert levers_on("an arm of another version", "a profile of another version") == frozenset()
    assert levers_on("tuned-parallel_tools", None).isdisjoint({"fp8_kv_cache", "parallel_tools"})


def test_bounds_of_recommendations_are_exclusive_and_silence_is_said():
    """S67: above 1.0 s, above 14 GB, below 500 tokens."""
    edge = statistics(avg_execution_time_s=1.0, avg_vram_gb=14.0, total_tokens=50_000)
    assert sentences(recommend({"query_router": edge}, edge)) == ("System performance is within optimal parameters",)


def test_what_was_not_measured_recommends_nothing():
    unknown = statistics(avg_execution_time_s=None, avg_vram_gb=None, total_tokens=None)
    assert sentences(recommend({"a": unknown}, unknown)) == ("System performance is within optimal parameters",)


def test_the_known_faults_are_true_of_this_formula():
    """S66: sample size, padding and a broken agent."""
    same_system = [statistics(executions=n, avg_execution_time_s=1.5, total_tokens=450 * n) for n in (15, 60, 120)]
    assert [guide_grade_v1(system).grade[0:2] for system in same_system] == ["C ", "B ", "A "]
    lean, padded = (statistics(avg_vram_gb=13.0, total_tokens=tokens) for tokens in (15_000, 60_000))
    assert [guide_grade_v1(system).grade for system in (lean, padded)] == ["A Good", "A+ Excellent"]
    broken = statistics(avg_execution_time_s=0.01, total_tokens=20 * 100)
    assert guide_grade_v1(broken).grade == "A+ Excellent"
