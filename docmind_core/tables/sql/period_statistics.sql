-- One row per part of the guide's report over a window: the whole system, each agent, each UTC hour, each arm.
-- One pass over the executions answers all four.
with period as materialized (
    select *, time_bucket(interval 1 hour, "timestamp") as "hour" from report_period($hours, until := $until)
)
select
    case
        when grouping(agent_name) = 0 then 'agent'
        when grouping("hour") = 0 then 'hour'
        when grouping(arm) = 0 then 'arm'
        else 'system'
    end                                                                     as part,
    coalesce(agent_name, arm)                                               as name,
    "hour",
    count(*)                                                                as executions,
    avg(execution_time)                                                     as avg_execution_time,
    max(execution_time)                                                     as max_execution_time,
    quantile_cont(execution_time, 0.5)                                      as execution_time_p50,
    case when count(*) >= 130 then quantile_cont(execution_time, 0.95) end  as execution_time_p95,
    sum(total_tokens)::bigint                                               as total_tokens,
    count(total_tokens)                                                     as tokens_n,
    avg(total_tokens)                                                       as avg_tokens,
    min(tokens_missing_because)                                             as tokens_missing_because,
    avg(vram_usage_gb)                                                      as avg_vram_usage,
    max(vram_usage_gb)                                                      as max_vram_usage,
    count(vram_usage_gb)                                                    as vram_n,
    case when count(vram_usage_gb) = 0 then min(vram_missing_because) end   as vram_missing_because
from period
group by grouping sets ((), (agent_name), ("hour"), (arm))
order by part, "hour", name
