-- One row per run and hour of a date in UTC: what `hourly_trends` adds up.
select
    run_id,
    time_bucket(interval 1 hour, "timestamp") as "hour",
    count(*)                            as executions,
    count(execution_time)               as timed,
    sum(execution_time)                 as execution_time_sum,
    max(execution_time)                 as execution_time_max,
    sum(total_tokens)::bigint           as total_tokens_sum,
    count(total_tokens)                 as tokens_n,
    sum(vram_usage_gb)                  as vram_usage_gb_sum,
    max(vram_usage_gb)                  as vram_usage_gb_max,
    count(vram_usage_gb)                as vram_n,
    min(vram_missing_because)           as vram_missing_because
from agent_executions
group by all
