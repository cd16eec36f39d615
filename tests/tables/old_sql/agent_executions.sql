-- One row per execution of an agent (span invoke_agent), warm-up left out, with the tokens of the calls made inside it
-- and the VRAM of the last device sample before its end. A sample older than 30 s says nothing about the execution.
with usage as (
    select
        s.run_id, s.query_id, s.replicate, s.parent_id as span_id,
        case when count(*) = count(c.prompt_tokens) then sum(c.prompt_tokens) end as input_tokens,
        case when count(*) = count(c.completion_tokens) then sum(c.completion_tokens) end as output_tokens,
        min(c.tokens_missing_because) as tokens_missing_because
    from llm_calls as c
    join spans as s using (run_id, query_id, replicate, span_id)
    where s.op = 'chat'
    group by all
),
roots as (
    select run_id, query_id, replicate, t0 from spans where op = 'invoke_workflow'
),
executions as (
    select
        a.run_id, a.query_id, a.replicate, a.span_id, a.name, a.status,
        q.started_at + to_microseconds((a.t1 - coalesce(r.t0, a.t0)) // 1000) as ended_at,
        (a.t1 - a.t0) / 1e9 as execution_time
    from spans as a
    join query_runs as q using (run_id, query_id, replicate)
    left join roots as r using (run_id, query_id, replicate)
    where a.op = 'invoke_agent' and q.phase is distinct from 'warmup'
),
vram as (
    select run_id, sampled_at, max(coalesce(vram_process_gib, mem_used_gib)) * 1.073741824 as used_gb
    from device_samples
    where coalesce(vram_process_gib, mem_used_gib) is not null
    group by all
),
unavailable as (
    select run_id, max(replace(status, 'unavailable:', '')) as reason
    from device_samples
    where status like 'unavailable:%' and source <> 'engine'
    group by all
),
sampled as (
    select e.*, case when e.ended_at - v.sampled_at <= interval 30 seconds then v.used_gb end as vram_usage_gb
    from executions as e
    asof left join vram as v on e.run_id = v.run_id and e.ended_at >= v.sampled_at
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    sampled.query_id,
    sampled.replicate,
    sampled.span_id,
    sampled.ended_at                                                    as "timestamp",
    sampled.name                                                        as agent_name,
    sampled.execution_time,
    if(usage.span_id is null, 0, usage.input_tokens)::bigint            as input_tokens,
    if(usage.span_id is null, 0, usage.output_tokens)::bigint           as output_tokens,
    if(usage.span_id is null, 0, usage.input_tokens + usage.output_tokens)::bigint as total_tokens,
    usage.tokens_missing_because,
    sampled.vram_usage_gb,
    case when sampled.vram_usage_gb is null then coalesce(unavailable.reason, 'not_sampled') end
                                                                        as vram_missing_because,
    runs.level                                                          as performance_level,
    sampled.status
from sampled
join runs using (run_id)
left join usage using (run_id, query_id, replicate, span_id)
left join unavailable using (run_id)
