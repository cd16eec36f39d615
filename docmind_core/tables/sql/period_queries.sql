-- One row: the query runs that ended in the window, warm-up left out. Throughput is over the wall clock of each run,
-- from its first query in the window to its last: summed times of parallel work say nothing about speed.
with period as (
    select *
    from query_runs
    where ended_at > $until::timestamp - to_milliseconds(($hours::double * 3600000)::bigint)
        and ended_at <= $until::timestamp and phase is distinct from 'warmup'
),
clocks as (
    select run_id, epoch_us(max(ended_at) - min(started_at)) / 1e6 as seconds from period group by all
)
select
    count(*)                                                                    as query_runs,
    count(distinct run_id)                                                      as runs,
    count(*) filter (where status = 'failed')                                   as failed,
    count(wall_s)                                                               as timed,
    avg(wall_s)                                                                 as avg_wall_s,
    quantile_cont(wall_s, 0.5)                                                  as wall_p50_s,
    case when count(wall_s) >= 130 then quantile_cont(wall_s, 0.95) end         as wall_p95_s,
    case when count(*) = count(prompt_tokens) then sum(prompt_tokens)::bigint end as prompt_tokens,
    case when count(*) = count(completion_tokens) then sum(completion_tokens)::bigint end as completion_tokens,
    min(tokens_missing_because)                                                 as tokens_missing_because,
    nullif((select sum(seconds) from clocks), 0)                                as wall_clock_s
from period
