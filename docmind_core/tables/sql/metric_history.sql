-- One row per run and metric, with the run before it in the same series. What has a clock in it is shown, not judged:
-- all queries of a night share its conditions.
with spent as (
    select s.*, runs.arm, 100 * (1 - exp(billed.delta)) as reduction_pct, billed.n as n_compared
    from store.token_sums as s
    join runs using (run_id)
    left join store.compared('billed_tokens', 'naive_supervisor') as billed on (billed.run_id, billed.agent) = (s.run_id, s.agent)
    where s.agent = 'all'
),
figures as (
    select run_id, metric, value, n_defined as n, missing_because, false as has_clock
    from store.quality_summary
    where query_type = 'all'
    union all by name
    select
        run_id,
        unnest(['prompt_tokens', 'completion_tokens', 'billed_tokens', 'cached_tokens']) as metric,
        unnest([prompt_tokens, completion_tokens, billed_tokens, cached_tokens])::double as value,
        n_query_runs as n,
        unnest([missing_because, missing_because, missing_because, cached_missing_because]) as missing_because,
        false as has_clock
    from spent
    union all by name
    select
        run_id, 'reduction_pct' as metric, reduction_pct as value, coalesce(n_compared, 0) as n,
        case
            when reduction_pct is not null then null
            when n_compared is null then 'not_compared'
            else coalesce(missing_because, 'not_compared')
        end as missing_because,
        false as has_clock
    from spent
    where arm <> 'naive_supervisor'
    union all by name
    select
        l.run_id,
        unnest(['wall_p50_s', 'wall_p95_s', 'coordination_overhead_p50_s', 'coordination_overhead_p95_s',
            'agent_latency_p50_s', 'agent_latency_p95_s', 'ttft_p50_s', 'ttft_p95_s']) as metric,
        unnest([wall_p50_s, wall_p95_s, coordination_overhead_p50_s, coordination_overhead_p95_s,
            agent_latency_p50_s, agent_latency_p95_s, ttft_p50_s, ttft_p95_s]) as value,
        unnest([wall_n, wall_n, wall_n, wall_n, agent_executions, agent_executions, ttft_n, ttft_n]) as n,
        case
            when value is not null then null
            when n > 0 then 'n_too_small'
            else coalesce(if(metric like 'ttft%', r.no_call_time_because, r.no_query_time_because),
                if(r.warmup_only, 'warmup_only', 'failed_run'))
        end as missing_because,
        true as has_clock
    from store.latency_summary as l
    left join store.time_reasons as r using (run_id)
    where l.agent = 'all'
),
-- Numbers, so that the rows of all metrics are sorted by few bytes.
places as (
    select
        run_id,
        dense_rank() over (order by series_key) as series,
        row_number() over (partition by series_key order by run_number nulls first, started_at, run_id) as place
    from runs
),
history as (
    select
        figures.run_id,
        figures.metric,
        figures.value,
        figures.n,
        figures.missing_because,
        figures.has_clock,
        formulas.version,
        lag(figures.run_id) over in_series as previous_run_id,
        lag(figures.value) over in_series as previous_value,
        lag(formulas.version) over in_series as previous_version
    from figures
    join places using (run_id)
    left join store.scorer_versions as formulas on formulas.run_id = figures.run_id and formulas.metric = figures.metric
    window in_series as (partition by places.series, figures.metric order by places.place)
),
steps as (
    select distinct run_id, previous_run_id from history where previous_run_id is not null
),
changes as (
    select
        steps.run_id,
        steps.previous_run_id,
        string_agg(format('{} {} → {}', now.field, coalesce(before.value, 'unknown'), coalesce(now.value, 'unknown')),
            '; ' order by now.field) filter (where before.value is distinct from now.value) as changed
    from steps
    join store.run_origins as now on now.run_id = steps.run_id
    left join store.run_origins as before on before.run_id = steps.previous_run_id and before.field = now.field
    group by all
)
select
    runs.series_key,
    runs.suite,
    history.metric,
    history.run_id,
    runs.benchmark_run,
    runs.arm,
    runs.model,
    runs.started_at,
    runs.run_number,
    history.value,
    history.n,
    history.missing_because,
    history.has_clock,
    history.previous_run_id,
    history.previous_value,
    case
        when history.previous_run_id is not null
            then coalesce(
                nullif(concat_ws('; ', changes.changed, if(history.version is distinct from history.previous_version,
                    format('scorer_version {} → {}', coalesce(history.previous_version, 'unknown'), coalesce(history.version, 'unknown')),
                    null)), ''),
                'nothing'
            )
    end as changed_since_previous,
    runs.comparable
from history
join runs using (run_id)
left join changes on changes.run_id = history.run_id and changes.previous_run_id = history.previous_run_id
