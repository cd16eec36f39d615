-- One row per run that was compared with the run `against` of its benchmark run, over all agents and queries, in `of_metric`.
-- A comparison with another night (docmind compare) says nothing about the arms of this one.
table
select
    c.candidate_run_id as run_id, c.agent, c.baseline_run_id, c.delta, c.delta_low, c.delta_high, c.ratio_of_totals,
    c.ratio_of_totals_low, c.ratio_of_totals_high, c.claimable, c.claimable_because, c.mde, c.n, c.n_left_out, c.n_failed,
    c.left_out_because, c.all_delta, c.all_delta_low, c.all_delta_high, c.worst_case_delta, c.worst_case_delta_low,
    c.worst_case_delta_high
from comparisons as c
join runs as b on b.run_id = c.baseline_run_id
join runs as a on a.run_id = c.candidate_run_id and a.benchmark_run = b.benchmark_run
where c.agent = 'all' and c.slice = 'all' and c.metric = of_metric and b.arm = against
