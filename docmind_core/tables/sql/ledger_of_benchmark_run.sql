-- One row per engine session of an arm of a benchmark run: both sums, and what explains their difference.
select
    ledger.run_id,
    ledger.engine_session,
    ledger.ledger_prompt_tokens,
    ledger.engine_prompt_tokens,
    ledger.prompt_difference,
    ledger.ledger_completion_tokens,
    ledger.engine_completion_tokens,
    ledger.completion_difference,
    ledger.unreconciled_calls,
    ledger.state,
    ledger.because
from ledger_balance as ledger
join runs using (run_id)
where runs.benchmark_run = $benchmark_run
order by runs.started_at, ledger.run_id, ledger.engine_session
