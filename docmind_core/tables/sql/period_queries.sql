-- One row: the query runs that ended in the window, warm-up left out. Throughput is over the wall clock of each run,
-- from its first query in the window to its last, block by block: summed times of parallel work say nothing about speed. Runs that were
-- resumed are left out of it, tokens and seconds both, and counted: the pause is not work.
with period as (
    select *
    from query_runs
    where ended_at > $until::timestamptz - to_milliseconds(($hours::double * 3600000)::bigint)
        and ended_at <= $until::timestamptz and phase is distinct from 'warmup'
),
resumed as (
    select run_id from runs where duration_missing_because = 'resumed'
    union
    select run_id from query_runs where times_missing_because = 'resumed'
),
clocks as (
    select
        run_id,
        epoch_us(max(ended_at) - min(started_at)) / 1e6 as seconds,
        count(*) - count(prompt_tokens) as without_prompt_tokens,
        count(*) - count(completion_tokens) as without_completion_tokens,
        sum(prompt_tokens) as prompt_tokens,
        sum(completion_tokens) as completion_tokens
    from period
    anti join resumed using (run_id)
    group by run_id, block
),
clocked as (
    select
        nullif(sum(seconds), 0) as seconds,
        case when sum(without_prompt_tokens) = 0 then sum(prompt_tokens)::bigint end as prompt_tokens,
        case when sum(without_completion_tokens) = 0 then sum(completion_tokens)::bigint end as completion_tokens
    from clocks
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
    (select seconds from clocked)                                               as wall_clock_s,
    (select prompt_tokens from clocked)                                         as clocked_prompt_tokens,
    (select completion_tokens from clocked)                                     as clocked_completion_tokens,
    count(distinct run_id) filter (where run_id in (from resumed))              as resumed_runs
from period
