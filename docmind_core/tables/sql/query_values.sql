-- One row per run, query and metric: its mean over the query's replicates, NULL when one of them lacks it or is missing;
-- warm-up left out. Times of a query that failed or was resumed say nothing about its arm.
with measured as (
    select *, status = 'answered' and times_missing_because is null as has_times
    from query_runs
    where phase is distinct from 'warmup'
),
calls as (
    select run_id, query_id, replicate, avg(ttft_s) as ttft_s, avg(tpot_s) as tpot_s
    from llm_calls
    where phase is distinct from 'warmup' and role <> 'judge'
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
        unnest([true, true, true, true, false, false, false]) as has_clock
    from measured
    left join calls using (run_id, query_id, replicate)
    union all by name
    select run_id, query_id, metric, value, false as has_clock
    from measurements
    where draw = 0
)
select
    figures.run_id,
    figures.query_id,
    figures.metric,
    any_value(figures.has_clock)                                                as has_clock,
    case when count(*) = count(figures.value) and count(*) = max(count(*)) over (partition by figures.run_id, figures.metric)
        then avg(figures.value) end                                             as value,
    any_value(places.block)                                                     as block,
    any_value(places.cluster_id)                                                as cluster_id
from figures
join (select run_id, query_id, any_value(block) as block, any_value(cluster_id) as cluster_id from measured group by all)
    as places using (run_id, query_id)
group by figures.run_id, figures.query_id, figures.metric
order by figures.run_id, figures.metric, figures.query_id
