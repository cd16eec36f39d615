-- One row per run and agent, agent 'all' for their sum: the tokens of `store.token_sums`, and what comparisons say of them.
with correct as (
    select run_id, 'all' as agent, value as tokens_per_correct, missing_because
    from store.quality_summary
    where metric = 'tokens_per_correct' and query_type = 'all'
),
estimates as (
    select run_id, 'all' as agent, low, high, interval_missing_because
    from run_estimates
    where metric = 'tokens_per_correct' and slice = 'all'
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    runs.suite,
    runs.model,
    runs.started_at,
    sums.agent,
    runs.routing,
    sums.n_queries,
    sums.n_query_runs,
    sums.calls,
    sums.prompt_tokens,
    sums.completion_tokens,
    sums.cached_tokens,
    sums.billed_tokens,
    sums.prefill_computed_tokens,
    sums.computed_tokens,
    sums.missing_because,
    sums.cached_missing_because,
    sums.est_error_n,
    sums.est_error_p95_ratio,
    case when sums.est_error_p95_ratio is null
        then if(sums.est_error_n = 0, 'not_supported', 'n_too_small') end
                                                                as est_error_missing_because,
    correct.tokens_per_correct,
    estimates.low                                               as tokens_per_correct_low,
    estimates.high                                              as tokens_per_correct_high,
    case when sums.agent = 'all' and correct.tokens_per_correct is null
        then coalesce(correct.missing_because, 'not_scored') end
                                                                as tokens_per_correct_missing_because,
    case when sums.agent = 'all' and (estimates.low is null or estimates.high is null)
        then coalesce(estimates.interval_missing_because, correct.missing_because, 'not_scored') end
                                                                as tokens_per_correct_interval_missing_because,
    100 * (1 - exp(billed.delta))                               as reduction_pct,
    100 * (1 - exp(billed.delta_high))                          as reduction_low,
    100 * (1 - exp(billed.delta_low))                           as reduction_high,
    100 * (exp(billed.mde) - 1)                                 as reduction_mde_pct,
    billed.n                                                    as n_compared,
    billed.n_left_out,
    billed.n_failed,
    billed.left_out_because,
    100 * (1 - exp(billed.all_delta))                           as reduction_all_pct,
    100 * (1 - exp(billed.all_delta_high))                      as reduction_all_low,
    100 * (1 - exp(billed.all_delta_low))                       as reduction_all_high,
    100 * (1 - exp(billed.worst_case_delta))                    as reduction_worst_pct,
    100 * (1 - exp(billed.worst_case_delta_high))               as reduction_worst_low,
    100 * (1 - exp(billed.worst_case_delta_low))                as reduction_worst_high,
    100 * (1 - billed.ratio_of_totals)                          as reduction_of_totals_pct,
    100 * (1 - billed.ratio_of_totals_high)                     as reduction_of_totals_low,
    100 * (1 - billed.ratio_of_totals_low)                      as reduction_of_totals_high,
    100 * (1 - exp(computed.delta))                             as computed_reduction_pct,
    100 * (1 - exp(computed.delta_high))                        as computed_reduction_low,
    100 * (1 - exp(computed.delta_low))                         as computed_reduction_high,
    billed.baseline_run_id,
    billed.claimable,
    case
        when sums.agent <> 'all' then null
        when runs.arm = 'naive_supervisor' then 'this arm is the baseline'
        when billed.run_id is not null then billed.claimable_because
        else 'not compared with naive_supervisor'
    end                                                         as claimable_because,
    exp(single.delta)                                           as single_pass_ratio,
    exp(single.delta_low)                                       as single_pass_ratio_low,
    exp(single.delta_high)                                      as single_pass_ratio_high
from runs
join store.token_sums as sums using (run_id)
-- `agent` as a column of both sides: with a condition on one side alone each run would be held against all others.
left join correct on correct.run_id = sums.run_id and correct.agent = sums.agent
left join estimates on estimates.run_id = sums.run_id and estimates.agent = sums.agent
left join store.compared('billed_tokens', 'naive_supervisor') as billed
    on billed.run_id = sums.run_id and billed.agent = sums.agent
left join store.compared('computed_tokens', 'naive_supervisor') as computed
    on computed.run_id = sums.run_id and computed.agent = sums.agent
left join store.compared('billed_tokens', 'single_pass') as single
    on single.run_id = sums.run_id and single.agent = sums.agent
