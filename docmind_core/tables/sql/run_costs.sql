-- One row per run: what its measured queries cost, in money under its price and in energy where it was measured.
with figures as (
    select
        runs.run_id, runs.benchmark_run, runs.arm, runs.suite, runs.model, runs.started_at, runs.price,
        coalesce(t.n_query_runs, p.n_total) as query_runs, -- an arm without a call has no sums of tokens
        case when p.n_defined = p.n_total then round(p.value * p.n_defined)::bigint end as passed,
        case when json_extract(runs.price, '$.gpu_hour') is null
            then store.token_cost(runs.price, t.prompt_tokens, t.cached_tokens, t.completion_tokens)
            else json_extract(runs.price, '$.gpu_hour')::double * json_extract(runs.price, '$.gpus')::double
                * runs.duration_s / 3600 end as cost,
        case
            when runs.price is null then 'no_price'
            when json_extract(runs.price, '$.gpu_hour') is not null then runs.duration_missing_because
            else coalesce(t.missing_because, t.cached_missing_because, 'no_model_call')
        end as no_cost,
        e.gpu_energy_j, e.missing_because as no_energy
    from runs
    left join store.token_sums as t on t.run_id = runs.run_id and t.agent = 'all'
    left join store.quality_summary as p on p.run_id = runs.run_id and p.metric = 'passed' and p.query_type = 'all'
    left join store.gpu_energy as e on e.run_id = runs.run_id
)
select
    run_id,
    benchmark_run,
    arm,
    suite,
    model,
    started_at,
    query_runs,
    passed,
    cost,
    cost / nullif(query_runs, 0)                                as cost_per_query,
    cost / nullif(passed, 0)                                    as cost_per_correct,
    json_extract_string(price, '$.currency')                    as currency,
    case when cost is null then no_cost end                     as cost_missing_because,
    case
        when cost is null then no_cost
        when passed is null then 'not_scored'
        when passed = 0 then 'no_correct'
    end                                                         as cost_per_correct_missing_because,
    gpu_energy_j,
    gpu_energy_j / nullif(query_runs, 0)                        as gpu_joules_per_query,
    gpu_energy_j / nullif(passed, 0)                            as gpu_joules_per_correct,
    case when gpu_energy_j is null then coalesce(no_energy, 'not_sampled') end as energy_missing_because
from figures
order by benchmark_run, arm
