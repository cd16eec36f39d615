-- One row per run and agent, agent 'all' for every call of the run: client-side times, warm-up left out.
-- Percentiles interpolate (quantile_cont), as numpy.percentile does; a p95 needs 130 values, a p99 662.
with calls as (
    select run_id, unnest([agent, 'all']) as agent, ttft_s, ttft_answer_s, tpot_s, e2e_latency_s, decode_tps,
        times_missing_because, decode_missing_because
    from llm_calls
    where coalesce(phase, 'measured') <> 'warmup' and role <> 'judge'
),
call_times as (
    select
        run_id,
        agent,
        count(*) as calls,
        count(ttft_s) as ttft_n,
        mode(times_missing_because) as times_because,
        mode(decode_missing_because) as decode_because,
        quantile_cont(ttft_s, 0.5) as ttft_p50_s,
        case when count(ttft_s) >= 130 then quantile_cont(ttft_s, 0.95) end as ttft_p95_s,
        quantile_cont(ttft_answer_s, 0.5) as ttft_answer_p50_s,
        quantile_cont(tpot_s, 0.5) as tpot_p50_s,
        quantile_cont(decode_tps, 0.5) as decode_tps_p50,
        count(e2e_latency_s) as e2e_n,
        quantile_cont(e2e_latency_s, 0.5) as e2e_latency_p50_s,
        case when count(e2e_latency_s) >= 130 then quantile_cont(e2e_latency_s, 0.95) end as e2e_latency_p95_s
    from calls
    group by all
),
measured as (
    select run_id, query_id, replicate, wall_s, coordination_overhead_s, coordination_incl_supervisor_s,
        times_missing_because
    from query_runs
    where coalesce(phase, 'measured') <> 'warmup'
),
executions as (
    select run_id, unnest([s.name, 'all']) as agent, (s.t1 - s.t0) / 1e9 as duration_s
    from spans as s
    semi join measured using (run_id, query_id, replicate)
    where s.op = 'invoke_agent'
),
agent_times as (
    select
        run_id,
        agent,
        count(*) as agent_executions,
        quantile_cont(duration_s, 0.5) as agent_latency_p50_s,
        case when count(*) >= 130 then quantile_cont(duration_s, 0.95) end as agent_latency_p95_s,
        case when count(*) >= 662 then quantile_cont(duration_s, 0.99) end as agent_latency_p99_s
    from executions
    group by all
),
query_times as (
    select
        run_id,
        'all' as agent,
        count(*) as query_runs,
        count(wall_s) as wall_n,
        mode(times_missing_because) as wall_because,
        quantile_cont(wall_s, 0.5) as wall_p50_s,
        case when count(wall_s) >= 130 then quantile_cont(wall_s, 0.95) end as wall_p95_s,
        quantile_cont(coordination_overhead_s, 0.5) as coordination_overhead_p50_s,
        case when count(coordination_overhead_s) >= 130 then quantile_cont(coordination_overhead_s, 0.95) end
            as coordination_overhead_p95_s,
        quantile_cont(coordination_incl_supervisor_s, 0.5) as coordination_incl_supervisor_p50_s
    from measured
    group by all
),
-- Both sums are the engine's own: where others used it too, the speed is not the arm's.
shared as (
    select distinct run_id
    from ledger_balance
    where state = 'not_exclusive'
),
sessions as (
    select
        run_id,
        engine_session,
        block,
        counter,
        -- NULL when a session lacks one of its two moments, as after the engine's death.
        max(value) filter (where moment = 'after') - max(value) filter (where moment = 'before') as growth
    from engine_counters
    where counter in ('request_prefill_kv_computed_tokens_sum', 'request_prefill_time_seconds_sum')
        and block is distinct from 0  -- warm-up
    group by all
),
prefill as (
    select
        run_id,
        'all' as agent,
        count(distinct counter) = 2 as is_offered,
        run_id in (select run_id from shared) as is_shared,
        count(*) = count(growth) as is_whole,
        sum(growth) filter (where counter = 'request_prefill_kv_computed_tokens_sum')
            / nullif(sum(growth) filter (where counter = 'request_prefill_time_seconds_sum'), 0) as prefill_tps
    from sessions
    group by all
),
together as (
    select *
    from call_times
    full join agent_times using (run_id, agent)
    full join query_times using (run_id, agent)
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    together.agent,
    runs.concurrency,
    coalesce(together.calls, 0)                 as calls,
    coalesce(together.ttft_n, 0)                as ttft_n,
    together.ttft_p50_s,
    together.ttft_p95_s,
    together.ttft_answer_p50_s,
    together.tpot_p50_s,
    together.decode_tps_p50,
    case when prefill.is_whole and not prefill.is_shared then prefill.prefill_tps end as prefill_tps,
    case
        when together.agent = 'all' and prefill.is_offered and not prefill.is_whole then 'unreconciled'
        when together.agent = 'all' and prefill.prefill_tps is null then 'not_supported'
        when prefill.is_shared then 'not_exclusive'
    end                                         as prefill_missing_because,
    coalesce(together.e2e_n, 0)                 as e2e_n,
    together.e2e_latency_p50_s,
    together.e2e_latency_p95_s,
    coalesce(together.agent_executions, 0)      as agent_executions,
    together.agent_latency_p50_s,
    together.agent_latency_p95_s,
    together.agent_latency_p99_s,
    together.query_runs,
    together.wall_n,
    together.wall_p50_s,
    together.wall_p95_s,
    together.coordination_overhead_p50_s,
    together.coordination_overhead_p95_s,
    together.coordination_incl_supervisor_p50_s,
    nullif(concat_ws('; ', case
        when least(coalesce(together.ttft_n, 0), coalesce(together.e2e_n, 0), coalesce(together.agent_executions, 0),
                if(together.agent = 'all', coalesce(together.wall_n, 0), 130)) < 130
            then format('n_too_small: a p95 needs 130 values; calls {}, agent executions {}{}',
                coalesce(together.e2e_n, 0), coalesce(together.agent_executions, 0),
                if(together.agent = 'all', format(', query runs {}', coalesce(together.wall_n, 0)), ''))
        when together.agent_executions < 662
            then format('n_too_small: a p99 needs 662 values; agent executions {}', together.agent_executions)
    end,
        case when coalesce(together.calls, 0) = 0 then 'no call of the model' end,
        case when together.calls > 0 and together.ttft_p50_s is null
            then 'no TTFT: ' || coalesce(together.times_because, 'not recorded') end,
        case when together.calls > 0 and together.e2e_latency_p50_s is null
            then 'no end-to-end latency: ' || coalesce(together.times_because, 'not recorded') end,
        case when together.calls > 0 and together.tpot_p50_s is null
            then 'no TPOT: ' || coalesce(together.decode_because, 'not recorded') end,
        case when together.calls > 0 and together.decode_tps_p50 is null
            then 'no decoding speed: ' || coalesce(together.decode_because, 'not recorded') end,
        case when together.query_runs > 0 and together.wall_p50_s is null
            then 'no time of a query: ' || coalesce(together.wall_because, 'not recorded') end
    ), '')                                      as because
from together
join runs using (run_id)
left join prefill using (run_id, agent)
order by runs.benchmark_run, runs.arm, together.agent = 'all', together.agent
