-- One row per run: why its queries and calls have no times, for `metric_history`.
with query_reasons as (
    select
        run_id,
        mode(times_missing_because order by times_missing_because)
            filter (where wall_s is null and phase is distinct from 'warmup') as because,
        bool_and(phase is not distinct from 'warmup') as warmup_only
    from query_runs
    group by all
),
call_reasons as (
    select run_id, mode(times_missing_because order by times_missing_because) as because
    from llm_calls
    where coalesce(phase, 'measured') = 'measured' and role <> 'judge' and ttft_s is null
    group by all
)
select
    runs.run_id,
    q.because                           as no_query_time_because,
    coalesce(q.warmup_only, false)      as warmup_only,
    c.because                           as no_call_time_because
from runs
left join query_reasons as q using (run_id)
left join call_reasons as c using (run_id)
