-- One row per engine session of an arm: both sums, and the five calls that bill most in that session.
with ranked as (
    select
        run_id,
        engine_session,
        call_id,
        attempt,
        billed_tokens,
        row_number() over (
            partition by run_id, engine_session order by billed_tokens desc nulls last, call_id, attempt
        ) as place
    from llm_calls
),

largest as (
    select
        run_id,
        engine_session,
        string_agg(
            call_id || ' (' || coalesce(billed_tokens::varchar, 'unknown') || ')', ', ' order by place
        ) as largest_calls
    from ranked
    where place <= 5
    group by run_id, engine_session
)

select
    ledger.run_id,
    ledger.engine_session,
    ledger.ledger_prompt_tokens::bigint,
    ledger.engine_prompt_tokens::bigint,
    ledger.prompt_difference::bigint,
    ledger.ledger_completion_tokens::bigint,
    ledger.engine_completion_tokens::bigint,
    ledger.completion_difference::bigint,
    ledger.unreconciled_calls::bigint,
    ledger.state,
    ledger.because,
    largest.largest_calls
from ledger_balance as ledger
join runs on runs.run_id = ledger.run_id
left join largest
    on largest.run_id = ledger.run_id
    and largest.engine_session is not distinct from ledger.engine_session
where runs.benchmark_run = $benchmark_run
order by ledger.run_id, ledger.engine_session
