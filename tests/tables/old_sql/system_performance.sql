-- Two rows per run: agent executions pooled as the guide pools them, and queries. The first says how long agents take,
-- the second how long people wait; pooling both would say neither.
with counted_rows as (
    select
        run_id, 'agent_execution' as counted, execution_time, total_tokens, tokens_missing_because,
        vram_usage_gb, vram_missing_because
    from agent_executions
    union all by name
    select
        run_id, 'query' as counted, wall_s as execution_time, billed_tokens as total_tokens, tokens_missing_because
    from query_runs
    where phase is distinct from 'warmup'
),
sums as (
    select
        run_id, counted,
        count(execution_time) as total_executions,
        count(*) - count(execution_time) as without_time,
        avg(execution_time) as avg_execution_time,
        quantile_cont(execution_time, 0.5) as execution_time_p50,
        case when count(execution_time) >= 130 then quantile_cont(execution_time, 0.95) end as execution_time_p95,
        case when count(total_tokens) = count(*) then sum(total_tokens)::bigint end as total_tokens_processed,
        min(tokens_missing_because) as tokens_missing_because,
        avg(vram_usage_gb) as avg_vram_usage,
        max(vram_usage_gb) as peak_vram_usage,
        count(vram_usage_gb) as vram_n,
        min(vram_missing_because) as vram_missing_because
    from counted_rows
    group by all
),
moments as (
    select run_id, sampled_at, max(coalesce(vram_process_gib, mem_used_gib)) * 1.073741824 as used_gb
    from device_samples
    where coalesce(vram_process_gib, mem_used_gib) is not null
    group by all
),
run_vram as (
    select run_id, avg(used_gb) as mean_gb, max(used_gb) as peak_gb from moments group by all
),
unavailable as (
    select run_id, max(replace(status, 'unavailable:', '')) as reason
    from device_samples
    where status like 'unavailable:%' and source <> 'engine'
    group by all
),
with_vram as (
    select
        sums.* replace (
            if(counted = 'query', mean_gb, avg_vram_usage) as avg_vram_usage,
            if(counted = 'query', peak_gb, peak_vram_usage) as peak_vram_usage,
            if(counted = 'query', coalesce(reason, 'not_sampled'), vram_missing_because) as vram_missing_because
        )
    from sums
    left join run_vram using (run_id)
    left join unavailable using (run_id)
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    with_vram.counted,
    with_vram.total_executions,
    with_vram.without_time,
    with_vram.avg_execution_time,
    with_vram.execution_time_p50,
    with_vram.execution_time_p95,
    with_vram.total_tokens_processed,
    case when with_vram.total_tokens_processed is null then with_vram.tokens_missing_because end
                                                            as tokens_missing_because,
    with_vram.total_tokens_processed / nullif(runs.duration_s, 0) as tokens_per_second,
    case when tokens_per_second is null
        then coalesce(runs.duration_missing_because, with_vram.tokens_missing_because, 'not_supported') end
                                                            as tokens_per_second_missing_because,
    with_vram.avg_vram_usage,
    with_vram.peak_vram_usage,
    case when with_vram.counted = 'agent_execution' then with_vram.vram_n end as vram_n,
    case when with_vram.avg_vram_usage is null then with_vram.vram_missing_because end as vram_missing_because,
    case when with_vram.total_executions < 130
        then format('n_too_small: a p95 needs 130 values; there are {}', with_vram.total_executions) end as because
from with_vram
join runs using (run_id)
order by runs.benchmark_run, runs.run_id, with_vram.counted
