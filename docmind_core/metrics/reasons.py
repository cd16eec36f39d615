"""Why a value may be missing: the reason as it is stored, the phrase that people read, and what it means."""

import re

REASONS: dict[str, str] = {
    "no_usage": "the engine finished the call and sent no usage",
    "implausible": "the engine reported something impossible, such as 0 tokens for a text, a negative count, or more "
    "cached tokens than the prompt has; or your own scorer returned something other than a number in its range",
    "flag_off": "the engine was started without the flag that reports it",
    "no_gpu": "no GPU to measure",
    "not_sampled": "no device sample was taken at that time",
    "not_supported": "the device or the engine can't report it",
    "zero_denominator": "no query, or not this one, belongs to the part of the queries that the ratio covers",
    "no_gold": "the query set does not provide the correct answer, document or span",
    "not_logged": "your system does not report what it read (`sources`) or found (`search_tool`)",
    "no_citation": "the answer cites nothing",
    "not_all_open": "the suite does not allow every search strategy, so there is no best one to compare a choice with",
    "index_changed": "the document index is no longer the one that the run searched",
    "unattributed": "calls from your system could not be assigned to a question",
    "not_routed": "the router was not asked about this query",
    "not_compared": "one of the two compared arms did not run, or is not in the suite",
    "no_correct": "no query passed",
    "no_model_call": "the arm uses no model, so it has no model cost: 0 tokens are not a saving",
    "not_scored": "the run has not been scored yet: its answers have not been compared with the accepted answers",
    "scorer_failed": "your own scorer raised an error, ran past its deadline_s, ended its process, or could not be "
    "loaded; see `measurements.missing_detail`",
    "n_too_small": "too few values for this statistic",
    "no_price": "the suite has no `price`",
    "per_gpu_hour": "with a price per GPU hour, only a whole run has a cost, not a single query or day",
    "judge_parse_error": "the judge's verdict could not be read",
    "judge_disabled": "it requires a judge, and none is configured",
    "single_token": "a single token has no time between tokens",
    "no_content": "the stream of the call ended without any text",
    "not_streamed": "the server did not stream the reply or did not count tokens while streaming, or something on the "
    "way held the chunks back",
    "warmup_only": "only warm-up rows have a value",
    "failed_run": "the query failed",
    "clock_mismatch": "the time stamps come from different clocks",
    "resumed": "the query was finished from replayed calls, or the arm by several processes: its times are "
    "meaningless, but tokens, answer and quality are valid",
    "unreconciled": "the call was cut off before its usage was known; all sums that include it are missing too",
    "not_exclusive": "other traffic used the engine, so its counters can't be attributed to this run",
    "not_exclusive_cache": "the prefix cache was shared or its state is unknown: cached tokens and times of two arms "
    "are not compared",
    "not_judged": "times of two arms that did not run interleaved in at least 6 blocks",
}
"""Why a value may be missing; nothing else is ever written into `missing_because`."""

REASON_PHRASES: dict[str, str] = {
    "no_usage": "the engine sent no usage",
    "implausible": "impossible value",
    "flag_off": "the engine's flag is off",
    "no_gpu": "no GPU",
    "not_sampled": "no device sample",
    "not_supported": "not reported by device or engine",
    "zero_denominator": "does not apply here",
    "no_gold": "no gold in the query set",
    "not_logged": "not reported by your system",
    "no_citation": "nothing cited",
    "not_all_open": "not every search strategy allowed",
    "index_changed": "the index has changed",
    "unattributed": "calls not assigned to a question",
    "not_routed": "the router was not asked",
    "not_compared": "the other arm did not run",
    "no_correct": "no query passed",
    "no_model_call": "no model used",
    "not_scored": "not scored yet",
    "scorer_failed": "your scorer failed",
    "n_too_small": "too few values",
    "no_price": "no price in the suite",
    "per_gpu_hour": "known for a whole run only",
    "judge_parse_error": "the judge's verdict is unreadable",
    "judge_disabled": "no judge configured",
    "single_token": "only one token",
    "no_content": "no text in the reply",
    "not_streamed": "reply not streamed",
    "warmup_only": "warm-up only",
    "failed_run": "the query failed",
    "clock_mismatch": "different clocks",
    "resumed": "resumed",
    "unreconciled": "usage of a cut-off call unknown",
    "not_exclusive": "other traffic on the engine",
    "not_exclusive_cache": "prefix cache shared or its state unknown",
    "not_judged": "arms not interleaved in 6 blocks",
}
"""What reports, terminal and messages print for a reason; tables and JSON keep the reason itself."""

_CODES = re.compile(rf"\b({'|'.join(sorted((code for code in REASONS if '_' in code), key=len, reverse=True))})\b")


def reason_text(because: str | None) -> str:
    """Return what people read of why a value is missing: the phrase of a reason, also inside a sentence."""
    if not because:
        return ""
    return REASON_PHRASES.get(because) or _CODES.sub(lambda found: REASON_PHRASES[found[0]], because)
