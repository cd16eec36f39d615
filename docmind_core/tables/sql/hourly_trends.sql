-- One row per hour of a date in UTC, over every run: the guide's hourly_trends, which merged the same hour of all days.
select
    "hour",
    count(*)                                                                as runs,
    sum(executions)::bigint                                                 as executions,
    sum(execution_time_sum) / sum(timed)                                    as execution_time_mean,
    max(execution_time_max)                                                 as execution_time_max,
    sum(total_tokens_sum)::bigint                                           as total_tokens_sum,
    sum(tokens_n)::bigint                                                   as tokens_n,
    sum(vram_usage_gb_sum) / nullif(sum(vram_n), 0)                         as vram_usage_gb_mean,
    max(vram_usage_gb_max)                                                  as vram_usage_gb_max,
    case when sum(vram_n) = 0 then min(vram_missing_because) end            as vram_missing_because
from store.execution_hours
group by 1
order by 1
