-- One row per run and agent: the guide's agent_performance, with percentiles. A p95 needs 130 executions, a p99 662.
select
    run_id,
    benchmark_run,
    arm,
    agent_name,
    count(*)                                                                as execution_count,
    avg(execution_time)                                                     as avg_execution_time,
    max(execution_time)                                                     as max_execution_time,
    quantile_cont(execution_time, 0.5)                                      as execution_time_p50,
    case when count(*) >= 130 then quantile_cont(execution_time, 0.95) end  as execution_time_p95,
    case when count(*) >= 662 then quantile_cont(execution_time, 0.99) end  as execution_time_p99,
    avg(total_tokens)                                                       as avg_tokens,
    count(total_tokens)                                                     as tokens_n,
    avg(vram_usage_gb)                                                      as avg_vram_usage,
    count(vram_usage_gb)                                                    as vram_n,
    case when count(vram_usage_gb) = 0 then min(vram_missing_because) end   as vram_missing_because,
    case
        when count(*) < 130 then format('n_too_small: a p95 needs 130 executions, a p99 662; there are {}', count(*))
        when count(*) < 662 then format('n_too_small: a p99 needs 662 executions; there are {}', count(*))
    end                                                                     as because
from agent_executions
group by run_id, benchmark_run, arm, agent_name
order by benchmark_run, run_id, agent_name
