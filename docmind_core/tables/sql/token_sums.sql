-- One row per run and agent, agent 'all' for their sum: tokens of the measured calls, every attempt, without the
-- judge's. A sum is NULL as soon as one call lacks its usage.
with calls as (
    select
        run_id, agent, query_id, replicate, prompt_tokens, completion_tokens, cached_tokens, billed_tokens,
        prefill_computed_tokens, prefill_computed_tokens + completion_tokens as computed_tokens,
        tokens_missing_because, cached_missing_because, est_error_ratio
    from llm_calls
    where coalesce(phase, 'measured') = 'measured' and role <> 'judge'
),
agents as (
    select run_id, agent, * exclude (run_id, agent) from calls
    union all by name
    select run_id, 'all' as agent, * exclude (run_id, agent) from calls
),
sums as (
    select
        run_id,
        agent,
        count(*) as calls,
        case when count(*) = count(prompt_tokens) then sum(prompt_tokens)::bigint end as prompt_tokens,
        case when count(*) = count(completion_tokens) then sum(completion_tokens)::bigint end as completion_tokens,
        case when count(*) = count(cached_tokens) then sum(cached_tokens)::bigint end as cached_tokens,
        case when count(*) = count(billed_tokens) then sum(billed_tokens)::bigint end as billed_tokens,
        case when count(*) = count(prefill_computed_tokens) then sum(prefill_computed_tokens)::bigint end
            as prefill_computed_tokens,
        case when count(*) = count(computed_tokens) then sum(computed_tokens)::bigint end as computed_tokens,
        min(tokens_missing_because) as missing_because,
        min(cached_missing_because) as cached_missing_because,
        count(est_error_ratio) as est_error_n,
        case when count(est_error_ratio) >= 130 then quantile_cont(est_error_ratio, 0.95) end as est_error_p95_ratio
    from agents
    group by all
),
queries as (
    select run_id, count(distinct query_id) as n_queries, count(*) as n_query_runs
    from query_runs
    where coalesce(phase, 'measured') <> 'warmup'
    group by all
)
select sums.*, queries.n_queries, queries.n_query_runs
from sums
left join queries using (run_id)
