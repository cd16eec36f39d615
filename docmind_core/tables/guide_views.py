"""The guide's views, under the guide's column names: they carry no unit, so each comment says it.

VRAM is in decimal gigabytes here, because the guide's thresholds are.
"""

from docmind_core.tables.definitions import ARM_COLUMNS, Macro, View

_VRAM_BECAUSE = "Why there is no VRAM figure: no_gpu, not_supported or not_sampled; otherwise NULL"
_VRAM_GB = "memory of compute processes on the fullest GPU, or of everything on it if the driver hides them, decimal "
"GB"

AGENT_EXECUTIONS = View(
    name="agent_executions",
    comment="One row per execution of an agent: the record that the guide's dashboard keeps. Resumed queries and "
    "warm-up have no rows",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicate": "Repetition of the query, from 0",
        "span_id": "Span of the execution",
        "timestamp": "UTC time at which the execution ended",
        "agent_name": "Agent, by its own name",
        "execution_time": "Seconds",
        "input_tokens": "Prompt tokens of all its calls and attempts; 0 if it called no model",
        "output_tokens": "Completion tokens of the same calls",
        "total_tokens": "Sum of both; NULL if one attempt has no usage",
        "tokens_missing_because": "Why the tokens are NULL",
        "vram_usage_gb": f"VRAM in the last sample before the execution ended: {_VRAM_GB}",
        "vram_missing_because": _VRAM_BECAUSE,
        "performance_level": "fast, balanced or thorough",
        "status": "ok or error",
    },
)

AGENT_PERFORMANCE = View(
    name="agent_performance",
    order="benchmark_run, run_id, agent_name",
    comment="One row per agent of a run: time, tokens and VRAM of its executions",
    columns={
        **ARM_COLUMNS,
        "agent_name": "Agent, by its own name",
        "execution_count": "Executions, excluding warm-up and resumed queries",
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
    comment="Two rows per run: one counts agent executions, as the guide does; the other counts queries",
    columns={
        **ARM_COLUMNS,
        "counted": "agent_execution or query: the unit of total_executions and of the times",
        "total_executions": "Executions or query runs with a time; excluding warm-up",
        "without_time": "Query runs without a time, because they were resumed or failed before they started; 0 for "
        "executions",
        "avg_execution_time": "Mean, seconds",
        "execution_time_p50": "Median, seconds",
        "execution_time_p95": "95th percentile, seconds; NULL below 130 values",
        "total_tokens_processed": "Prompt and completion tokens; NULL if one attempt has no usage",
        "tokens_missing_because": "Why total_tokens_processed is NULL",
        "tokens_per_second": "total_tokens_processed / the arm's wall-clock seconds; NULL if the arm was resumed",
        "tokens_per_second_missing_because": "Why tokens_per_second is NULL",
        "avg_vram_usage": f"Mean over executions, or over all samples in the row for queries: {_VRAM_GB}",
        "peak_vram_usage": f"Largest of the same: {_VRAM_GB}",
        "vram_n": "Executions whose VRAM is known; NULL in the row for queries",
        "vram_missing_because": _VRAM_BECAUSE,
        "because": "Why the percentile is NULL",
    },
)

HOURLY_TRENDS = View(
    name="hourly_trends",
    comment="One row per UTC hour of a date: all agent executions of all runs that ended in it",
    columns={
        "hour": "Start of the hour, UTC",
        "runs": "Runs (arms) with an execution in it",
        "executions": "Agent executions",
        "execution_time_mean": "Seconds",
        "execution_time_max": "Seconds",
        "total_tokens_sum": "Prompt and completion tokens of the executions that have them; NULL if none has",
        "tokens_n": "Executions whose tokens are known",
        "vram_usage_gb_mean": f"VRAM: {_VRAM_GB}",
        "vram_usage_gb_max": f"VRAM: {_VRAM_GB}",
        "vram_missing_because": _VRAM_BECAUSE,
    },
)

METRIC_HISTORY = View(
    name="metric_history",
    comment="One row per metric of a run in its series: all runs with the same runs.conditions",
    columns={
        "series_key": "Runs with the same key are comparable over time",
        "suite": ARM_COLUMNS["suite"],
        "metric": "Name from the catalogue, docs/metrics.md",
        **ARM_COLUMNS,
        "run_number": "Number of the benchmark run in this home, from 1: the order of the series",
        "value": "In the metric's unit: mean over queries for quality, sum for tokens, percentile for times",
        "n": "Query runs in the value; for calls and agents, their count",
        "missing_because": "Why there is no value",
        "has_clock": "True for times: they are shown over time, but decide nothing between nights",
        "previous_run_id": "Previous run in the series",
        "previous_value": "Value of that run",
        "changed_since_previous": "Possible causes of a regression, old → new: what differs from the previous run in "
        "commit, prompts, engine version, packages, the user's own code (plugin, system) and the scorer's version; "
        "nothing, or NULL for the first run of the series",
        "comparable": "False if the run was resumed with a changed suite, code or prompt",
    },
)

GUIDE_VIEWS = (AGENT_EXECUTIONS, AGENT_PERFORMANCE, SYSTEM_PERFORMANCE, HOURLY_TRENDS, METRIC_HISTORY)

MACROS = (
    Macro(
        name="report_period",
        parameters="hours, until := null",
        comment="Agent executions of the last hours, the records of the guide's report: from report_period(24). until "
        "is the UTC end of the window, by default now",
    ),
    Macro(
        name="compare",
        parameters="baseline, candidate",
        comment="Compares two runs over the same queries: from compare('BASELINE_RUN_ID', 'CANDIDATE_RUN_ID'). One "
        "row per metric, agent and slice: n queries with a value in both, clusters, both means, difference with its "
        "standard error clustered by cluster_id (NULL for a single cluster), and log_ratio for tokens. For tests and "
        "verdicts, see comparisons",
    ),
    Macro(
        name="query_flips",
        parameters="a, b",
        comment="Queries that run b passes more or less often than run a, broken ones first: from "
        "query_flips('RUN_ID_A', 'RUN_ID_B'). passed_a and passed_b are shares of the replicates, answers_a and "
        "answers_b are lists, and change is broke or fixed",
    ),
    Macro(
        name="run_changes",
        parameters="a, b",
        comment="What differs between two runs: from run_changes('RUN_ID_A', 'RUN_ID_B'). kind is condition (what "
        "figures depend on) or origin (a possible cause of a change: commit, prompts, versions, price)",
    ),
)
