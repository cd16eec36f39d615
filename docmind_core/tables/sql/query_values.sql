-- One row per run, query and metric: its mean over the query's replicates, NULL when one of them lacks it, and how many
-- replicates there are; warm-up left out. Of one part of the queries: all at once would take much memory. Times of a query
-- that failed or was resumed say nothing about its arm. Replicates that were added later are in blocks of their own, the
-- same for all queries of the first block, which is therefore their cluster.
with measured as (
    select
        *,
        status = 'answered' and times_missing_because is null as has_times,
        if(status = 'answered', times_missing_because, 'failed_run') as no_times
    from query_runs
    where phase is distinct from 'warmup' and hash(query_id) % $parts = $part
),
calls as (
    select
        run_id, query_id, replicate, avg(ttft_s) as ttft_s, avg(tpot_s) as tpot_s,
        mode(times_missing_because) as no_ttft, mode(decode_missing_because) as no_tpot
    from llm_calls
    where coalesce(phase, 'measured') = 'measured' and role <> 'judge' and hash(query_id) % $parts = $part
    group by all
),
figures as (
    select
        run_id, query_id,
        unnest(['wall_s', 'coordination_overhead_s', 'ttft_s', 'tpot_s', 'prompt_tokens', 'completion_tokens',
            'billed_tokens']) as metric,
        unnest([if(has_times, wall_s, null), if(has_times, coordination_overhead_s, null),
            if(has_times, calls.ttft_s, null), if(has_times, calls.tpot_s, null),
            prompt_tokens, completion_tokens, billed_tokens]::double[]) as value,
        unnest([no_times, no_times, coalesce(no_times, calls.no_ttft, 'zero_denominator'),
            coalesce(no_times, calls.no_tpot, 'zero_denominator'),
            tokens_missing_because, tokens_missing_because, tokens_missing_because]) as missing_because,
        unnest([true, true, true, true, false, false, false]) as has_clock
    from measured
    left join calls using (run_id, query_id, replicate)
    union all by name
    select run_id, query_id, metric, value, missing_because, false as has_clock
    from measurements
    where draw = 0 and hash(query_id) % $parts = $part
)
select
    figures.run_id,
    figures.query_id,
    figures.metric,
    any_value(figures.has_clock)                                                as has_clock,
    case when count(*) = count(figures.value) then avg(figures.value) end       as value,
    count(*)                                                                    as replicates,
    any_value(places.block)                                                     as block,
    coalesce(nullif(any_value(places.cluster_id), ''), figures.query_id)        as cluster_id,
    mode(figures.missing_because) filter (where figures.value is null)          as missing_because,
    any_value(places.is_own)                                                    as is_own
from figures
join (
    select
        run_id, query_id, min(block) as block, any_value(cluster_id) as cluster_id,
        bool_and(status = 'answered' and not coalesce(fallback, false)) as is_own
    from measured
    group by all
) as places using (run_id, query_id)
group by figures.run_id, figures.query_id, figures.metric
order by figures.run_id, figures.metric, figures.query_id
