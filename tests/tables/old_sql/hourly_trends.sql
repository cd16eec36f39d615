-- One row per hour of a date in UTC, over every run: the guide's hourly_trends, which merged the same hour of all days.
select
    date_trunc('hour', "timestamp")                                         as "hour",
    count(distinct run_id)                                                  as runs,
    count(*)                                                                as executions,
    avg(execution_time)                                                     as execution_time_mean,
    max(execution_time)                                                     as execution_time_max,
    sum(total_tokens)::bigint                                               as total_tokens_sum,
    count(total_tokens)                                                     as tokens_n,
    avg(vram_usage_gb)                                                      as vram_usage_gb_mean,
    max(vram_usage_gb)                                                      as vram_usage_gb_max,
    case when count(vram_usage_gb) = 0 then min(vram_missing_because) end   as vram_missing_because
from agent_executions
group by 1
order by 1
