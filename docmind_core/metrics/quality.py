"""Catalogue entries on answers, abstention, citations and retrieval."""

from docmind_core.metrics.metric import Metric

_ROW = "`measurements`; mean and clustered standard error in `quality_summary`"
_NO_GOLD = "no accepted answer, a sentence to be judged, or a query the documents don't answer: `no_gold`"
_NO_DOCUMENT = "no gold document, or a query the documents don't answer: `no_gold`"

ANSWERS = (
    Metric(
        name="passed",
        unit="1",
        range="0 or 1",
        better="higher",
        level="query",
        definition="The pass rule. If the accepted answer is a number, `numeric_match` alone decides; otherwise, "
        "`exact_match` does. If the documents don't contain the answer, the system passes by saying so without "
        "answering. A sentence (`free_form`) is judged by its number, if it has exactly one and the question asks "
        "for it. A failed query does not pass.",
        missing="no accepted answer: `no_gold`; a sentence without a number, which requires a judge: `judge_disabled`",
        source=_ROW + ". Its mean is `pass_ratio`",
        gating=True,
        rows="measurements",
    ),
    Metric(
        name="exact_match",
        unit="1",
        range="0 or 1",
        better="higher",
        level="query",
        definition="The normalised answer equals a normalised accepted answer. Normalising means NFKC, lower case, no "
        "punctuation (Unicode P* and the backtick), no articles (a, an, the), and single spaces. An accepted answer "
        "that would lose all its letters and digits (`A`, `==`) is only stripped and compared as is. Thinking and "
        "citation marks are removed first. A failed query scores 0.",
        missing=_NO_GOLD,
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="exact_match_squad",
        unit="1",
        range="0 or 1",
        better="higher",
        level="query",
        definition="Exact match according to the SQuAD script of 2016 (arXiv 1606.05250): lower case, no ASCII "
        "punctuation, no articles, single spaces. Use it only to compare with published figures: it accepts 15 for "
        "1.5, and an empty answer for `A`. A failed query scores 0.",
        missing=_NO_GOLD,
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="token_f1",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="F1 of the bags of normalised words of the answer and the accepted answer; the best over all "
        "accepted answers. For the accepted answers yes, no and no answer, and for those that normalising leaves "
        "empty, it equals `exact_match`. A failed query scores 0. Never used as a pass rule.",
        missing="no accepted answer, or a query the documents don't answer: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="answer_contained",
        unit="1",
        range="0 or 1",
        better="higher",
        level="query",
        definition="An answer of at most 30 words contains an accepted answer as whole normalised words, and nothing "
        "else of its kind: no rival answer from the query set (`rival_answers`), no other number if the accepted "
        "answer is a number, and no `no` next to `yes`. Anything that the question itself mentions is not a rival. A "
        "correct answer within a sentence counts here, but not in `exact_match`. Exploratory; never used as a pass "
        "rule. A refusal and a failed query score 0.",
        missing=_NO_GOLD,
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="numeric_match",
        unit="1",
        range="0 or 1",
        better="higher",
        level="query",
        definition="The answer asserts the number of an accepted answer: decimals within 1 % (0.01 for a zero), "
        "integers only when equal. Signs, parentheses as a minus, thousands separators, percent, currencies, units, "
        "scale words, fractions, powers of ten and numbers in words are understood; 1,234 is an integer and 1.234 a "
        "decimal. An answer asserts one number: the only one of its kind, the one it calls its answer, or the result "
        "of its computation. Numbers that are denied, asked about, assumed, given as one of two alternatives, "
        "repeated from the question, or page numbers are not asserted. A range matches only a range. The unit may be "
        "omitted, but a different unit is a miss. A refusal and a failed query score 0.",
        missing="no accepted answer is a number or a range (with its unit), or a sentence with the number asked for: "
        "`no_gold`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="empty_answer",
        unit="1",
        range="0 or 1",
        better="lower",
        level="query",
        definition="The reply meant as the answer contains no text: thinking used up its tokens, it called a tool, "
        "the server refused it, or it ended immediately. Such a query counts as failed; `query_runs.ended_because` "
        "gives the cause.",
        missing="the query failed before it was asked for an answer: `failed_run`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="cut_answer",
        unit="1",
        range="0 or 1",
        better="lower",
        level="query",
        definition="The token limit or a content filter ended the reply meant as the answer (`finish_reason` `length` "
        "or `content_filter`). A text cut off at the limit still counts as an answer.",
        missing="the query failed before an answer was requested: `failed_run`; the server does not report how the "
        "reply ended: `not_supported`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="tokens_per_correct",
        unit="tokens",
        range="above 0",
        better="lower",
        level="run",
        definition="Sum of `billed_tokens` / number of passed query runs, over the query runs for which `passed` is "
        "known. Its interval is computed on the log scale with the clustered delta method.",
        missing="none passed: `no_correct`; a query's tokens are unknown: `no_usage` or `unreconciled`; no accepted "
        "answers: the reason of `passed`; too few clusters for an interval: `n_too_small`",
        source="`token_efficiency`, agent `all`; `quality_summary`, by query type; `run_estimates`, with the interval",
        rows="run_estimates",
    ),
    Metric(
        name="good_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="Share of query runs that were answered without failure and without fallback.",
        source="`quality_summary`; `comparisons`",
        gating=True,
        rows="query_runs",
        formula="(status = 'answered' and not coalesce(fallback, false))::double",
    ),
)

ABSTENTION = (
    Metric(
        name="abstention_precision",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Of the queries for which the system said that the documents contain no answer, the share for "
        "which this is true. The row of each query is 1 or 0; the mean over the rows with a value is the ratio.",
        missing="the query was answered: `zero_denominator`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="abstention_recall",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Of the queries that the documents don't answer, the share for which the system said so. A failed "
        "query counts as not saying so.",
        missing="the documents answer the query: `zero_denominator`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="over_abstention",
        unit="1",
        range="0 to 1",
        better="lower",
        level="query",
        definition="Of the queries that the documents answer, the share for which the system said that they don't. A "
        "failed query counts as not saying so.",
        missing="the documents don't answer the query: `zero_denominator`",
        source=_ROW,
        rows="measurements",
    ),
)

CITATIONS = (
    Metric(
        name="citation_precision",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the cited passages that belong to a gold document. This is a lower bound, because gold "
        "labels may be incomplete.",
        missing="nothing was cited, for example because the query failed: `no_citation`; no gold document: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="citation_recall",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the gold documents that are cited. An answer without citations scores 0.",
        missing="no gold document: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="evidence_recall",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the gold spans that reached the synthesizer: at least 80 % of the span's words (with "
        "repetitions) are in one passage of the correct document. A span listed for several documents counts once.",
        missing="no gold span: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
)

_RANKING = (
    "Computed on the documents of the candidate ranking (each at the rank of its best chunk, ties broken by id), "
    "before the ranking is cut to what the synthesizer reads. Several searches of one query are first fused by "
    "reciprocal rank. The ranking continues beyond what the agents received until it has 10 documents or nothing "
    "more matches, so that a level that searches fewer chunks is judged by equally many documents. If nothing is "
    "found, the value is 0."
)

RETRIEVAL = (
    Metric(
        name="no_passages_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Share of query runs for which no search found a passage. Their answers and abstentions say "
        "nothing about the documents. Example: a keyword search in another language.",
        source="`quality_summary`; these query runs are marked in `query_runs.no_passages`",
    ),
    *(
        Metric(
            name=f"recall@{k}",
            unit="1",
            range="0 to 1",
            better="higher",
            level="query",
            definition=f"Share of the gold documents among the first {k} (trec_eval `recall_{k}`). {_RANKING}",
            missing=_NO_DOCUMENT,
            source=_ROW,
            rows="measurements",
        )
        for k in (5, 10)
    ),
    *(
        Metric(
            name=f"full@{k}",
            unit="1",
            range="0 or 1",
            better="higher",
            level="query",
            definition=f"All gold documents are among the first {k}.",
            missing=_NO_DOCUMENT,
            source=_ROW,
            rows="measurements",
        )
        for k in (5, 10)
    ),
    Metric(
        name="ndcg@10",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Discounted cumulative gain of the first 10, divided by that of the ideal order: linear gain (the "
        "grade in `gold_grades`, or 1 for each gold document of a query without grades), log2 discount (trec_eval "
        "`ndcg_cut_10`; doi 10.1145/582415.582418).",
        missing=_NO_DOCUMENT,
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="mrr@10",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="1 / rank of the first gold document among the first 10, or 0 if there is none.",
        missing=_NO_DOCUMENT,
        source=_ROW,
        rows="measurements",
    ),
)
