-- One row per run of single passes that vote: for how many query runs the budget bought more than the first pass.
-- Warm-up is left out, and so is a query run that found no passage: it asks nothing.
with query_votes as (
    select v.run_id, count(*) as passes, min_by(v.billed_tokens, v.pass) > any_value(v.budget_tokens) as is_over
    from votes as v
    join query_runs as q using (run_id, query_id, replicate)
    where coalesce(q.phase, 'measured') <> 'warmup'
    group by v.run_id, v.query_id, v.replicate
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    count(*) as query_runs,
    count(*) filter (where v.passes > 1) as second_pass_runs,
    count(*) filter (where v.is_over) as over_budget_runs,
    avg(v.passes) as passes_per_query_run
from query_votes as v
join runs using (run_id)
group by runs.run_id, runs.benchmark_run, runs.arm
