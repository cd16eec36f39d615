-- One row per run of $run_ids, few as they are: what small multiples show of it. As `metric_history` has it, but for tokens,
-- which are per query run here, so that runs of different sizes share a scale; that view is over all runs and slower.
with measured as (
    select * from query_runs where run_id in $run_ids and phase is distinct from 'warmup'
),
passes as (
    select m.run_id, avg(m.value) as pass_ratio
    from measurements as m
    join measured as q using (run_id, query_id, replicate)
    where m.run_id in $run_ids and m.metric = 'passed' and m.draw = 0
    group by all
)
select
    measured.run_id,
    any_value(passes.pass_ratio)                                                            as pass_ratio,
    avg((status = 'answered' and not coalesce(fallback, false))::double)                    as good_ratio,
    case when count(*) = count(billed_tokens) then avg(billed_tokens) end                   as billed_tokens,
    median(wall_s) filter (where times_missing_because is null)                             as wall_p50_s
from measured
left join passes using (run_id)
group by all
