"""The guide's views, under the guide's column names: they carry no unit, so each comment says it.

VRAM is in decimal gigabytes here, because the guide's thresholds are.
"""

from docmind_core.tables.definitions import ARM_COLUMNS, Macro, View

_VRAM_BECAUSE = "Why there is no VRAM: no_gpu, not_supported or not_sampled; NULL when there is"
_VRAM_GB = "memory of compute processes on the fullest GPU, of all on it where the driver hides them, decimal GB"

AGENT_EXECUTIONS = View(
    name="agent_executions",
    comment="One row is one execution of an agent: the record that the guide's dashboard keeps. Resumed queries and "
    "warm-up have none",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicate": "Repetition of the query, from 0",
        "span_id": "The execution's span",
        "timestamp": "UTC time at which the execution ended",
        "agent_name": "Agent, by its own name",
        "execution_time": "Seconds",
        "input_tokens": "Prompt tokens of all its calls and attempts; 0 when it asked no model",
        "output_tokens": "Completion tokens of the same",
        "total_tokens": "Both; NULL when one attempt lacks its usage",
        "tokens_missing_because": "Why the tokens are NULL",
        "vram_usage_gb": f"VRAM in the last sample before its end: {_VRAM_GB}",
        "vram_missing_because": _VRAM_BECAUSE,
        "performance_level": "fast, balanced or thorough",
        "status": "ok or error",
    },
)

AGENT_PERFORMANCE = View(
    name="agent_performance",
    order="benchmark_run, run_id, agent_name",
    comment="One row is an agent of a run: time, tokens and VRAM of its executions",
    columns={
        **ARM_COLUMNS,
        "agent_name": "Agent, by its own name",
        "execution_count": "Executions, warm-up and resumed queries left out",
        "avg_execution_time": "Mean, seconds",
        "max_execution_time": "Longest, seconds",
        "execution_time_p50": "Median, seconds",
        "execution_time_p95": "95th percentile, seconds; NULL below 130 executions",
        "execution_time_p99": "99th percentile, seconds; NULL below 662 executions",
        "avg_tokens": "Mean of prompt and completion tokens over the executions that have them",
        "tokens_n": "Executions whose tokens are known",
        "avg_vram_usage": f"Mean of vram_usage_gb over the executions that have it: {_VRAM_GB}",
        "vram_n": "Executions whose VRAM is known",
        "vram_missing_because": _VRAM_BECAUSE,
        "because": "Why a percentile is NULL",
    },
)

SYSTEM_PERFORMANCE = View(
    name="system_performance",
    order="benchmark_run, run_id, counted",
    comment="Two rows are a run: one counts agent executions as the guide does, one counts queries",
    columns={
        **ARM_COLUMNS,
        "counted": "agent_execution or query: what total_executions counts and what times are of",
        "total_executions": "Executions or query runs with a time; warm-up left out",
        "without_time": "Query runs without a time: resumed or failed before they began; 0 for executions",
        "avg_execution_time": "Mean, seconds",
        "execution_time_p50": "Median, seconds",
        "execution_time_p95": "95th percentile, seconds; NULL below 130 values",
        "total_tokens_processed": "Prompt and completion tokens; NULL when one attempt lacks its usage",
        "tokens_missing_because": "Why total_tokens_processed is NULL",
        "tokens_per_second": "total_tokens_processed / the arm's wall-clock seconds; NULL when the arm was resumed",
        "tokens_per_second_missing_because": "Why tokens_per_second is NULL",
        "avg_vram_usage": f"Mean over executions, over all samples on the row of queries: {_VRAM_GB}",
        "peak_vram_usage": f"Largest of the same: {_VRAM_GB}",
        "vram_n": "Executions whose VRAM is known; NULL on the row of queries",
        "vram_missing_because": _VRAM_BECAUSE,
        "because": "Why the percentile is NULL",
    },
)

HOURLY_TRENDS = View(
    name="hourly_trends",
    comment="One row is an hour of a date in UTC: all agent executions that ended in it, of every run",
    columns={
        "hour": "Beginning of the hour, UTC",
        "runs": "Runs (arms) with an execution in it",
        "executions": "Agent executions",
        "execution_time_mean": "Seconds",
        "execution_time_max": "Seconds",
        "total_tokens_sum": "Prompt and completion tokens of the executions that have them; NULL when none has",
        "tokens_n": "Executions whose tokens are known",
        "vram_usage_gb_mean": f"VRAM: {_VRAM_GB}",
        "vram_usage_gb_max": f"VRAM: {_VRAM_GB}",
        "vram_missing_because": _VRAM_BECAUSE,
    },
)

METRIC_HISTORY = View(
    name="metric_history",
    comment="One row is a metric of a run in its series: all runs with the same runs.conditions",
    columns={
        "series_key": "Runs with the same key are comparable over time",
        "suite": ARM_COLUMNS["suite"],
        "metric": "Name from the catalogue, docs/metrics.md",
        **ARM_COLUMNS,
        "run_number": "Place of the benchmark run in this home, from 1: the order of the series",
        "value": "In the metric's unit: mean over queries for quality, sum for tokens, percentile for times",
        "n": "Query runs in the value; for calls and agents, their number",
        "missing_because": "Why there is no value",
        "has_clock": "True for times: they are shown over time and decide nothing between nights",
        "previous_run_id": "Run before it in the series",
        "previous_value": "Value of that run",
        "changed_since_previous": "What a regression may come from, old → new: commit, prompts, engine version, "
        "packages, the user's own code (plugin, system) and the scorer's version against the run before it; "
        "nothing, or NULL for the first run of the series",
        "comparable": "False when the run was resumed with a changed suite, code or prompt",
    },
)

GUIDE_VIEWS = (AGENT_EXECUTIONS, AGENT_PERFORMANCE, SYSTEM_PERFORMANCE, HOURLY_TRENDS, METRIC_HISTORY)

MACROS = (
    Macro(
        name="report_period",
        parameters="hours, until := null",
        comment="Agent executions of the last hours, the records of the guide's report: from report_period(24). "
        "until: UTC end of the window, by default now",
    ),
    Macro(
        name="compare",
        parameters="baseline, candidate",
        comment="Two runs over the same queries: from compare('BASELINE_RUN_ID', 'CANDIDATE_RUN_ID'). One row is a "
        "metric x agent x slice: n queries with a value in both, clusters, both means, difference with its standard "
        "error clustered by cluster_id (NULL in one cluster), log_ratio for tokens. Tests and verdicts: comparisons",
    ),
    Macro(
        name="query_flips",
        parameters="a, b",
        comment="The queries that run b passes more or less often than run a, broken ones first: from "
        "query_flips('RUN_ID_A', 'RUN_ID_B'). passed_a and passed_b are shares of the replicates, answers_a and "
        "answers_b lists, change is broke or fixed",
    ),
    Macro(
        name="run_changes",
        parameters="a, b",
        comment="What differs between two runs: from run_changes('RUN_ID_A', 'RUN_ID_B'). kind is condition (what "
        "numbers depend on) or origin (what a change may come from: commit, prompts, versions, price)",
    ),
)
