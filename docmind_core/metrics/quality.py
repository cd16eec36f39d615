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
        definition="The pass rule: an accepted answer that is a number is judged by `numeric_match` alone, any other "
        "by `exact_match`; where the documents don't hold the answer, the system said so and answered nothing. "
        "Sentences (`free_form`) with one number, which the question asks for, are judged by it. A failed query did "
        "not pass.",
        missing="no accepted answer: `no_gold`; a sentence without a number, which takes a judge: `judge_disabled`",
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
        definition="The normalised answer equals a normalised accepted answer. Normalised: NFKC, lower case, no "
        "punctuation (Unicode P*, and the backtick), no articles (a, an, the), single spaces. Accepted answers of "
        "which that leaves no letter or digit (`A`, `==`) are compared as they are, stripped. Thinking and citation "
        "marks are taken off before. A failed query scores 0.",
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
        definition="Exact match by the SQuAD script of 2016 (arXiv 1606.05250): lower case, no ASCII punctuation, no "
        "articles, single spaces. For comparison with published figures; it takes 15 for 1.5 and an empty answer for "
        "`A`. A failed query scores 0.",
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
        definition="F1 of the bags of normalised words of answer and accepted answer, the best over the accepted "
        "ones. For the accepted answers yes, no and no answer, and for those that normalising leaves nothing of, it is "
        "`exact_match`. A failed query scores 0. Never a pass rule.",
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
        definition="An answer of at most 30 words holds an accepted answer as whole normalised words and nothing else "
        "of its kind: no rival answer of the query set (`rival_answers`), no other number where the accepted answer "
        "is one, no `no` next to `yes`. What the question names is not a rival. A right answer in a sentence counts "
        "here and not in `exact_match`. For exploring, never the pass rule. A refusal and a failed query score 0.",
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
        "integers only when equal. Signs, parentheses as a minus, separators of thousands, percent, currencies, units, "
        "scale words, fractions, powers of ten and numbers in words are read; 1,234 is an integer and 1.234 a decimal. "
        "The answer names one number: the only one of its kind, what it calls its answer, or what its computation ends "
        "in. Numbers that are denied, asked about, supposed, one of two, the question's own or a page's are not "
        "asserted; a range matches only a range. The unit need not be repeated, another one is a miss. A refusal and a "
        "failed query score 0.",
        missing="no accepted answer is a number or a range (with its unit), or a sentence with the one asked for: "
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
        definition="The reply that was to be the answer held no text: thinking used up its tokens, or it called a "
        "tool, was refused by the server, or ended at once. Such a query has failed; `query_runs.ended_because` "
        "says which.",
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
        definition="The token limit or a content filter ended the reply that was to be the answer (`finish_reason` "
        "`length` or `content_filter`). A text cut at the limit is an answer all the same.",
        missing="the query failed before it was asked for an answer: `failed_run`; the server does not say how the "
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
        definition="Sum of `billed_tokens` / number of passed query runs, over the query runs whose passing is known. "
        "Its interval is that of its log, by the delta method, clustered.",
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
        definition="Share of the query runs that were answered without failure and without fallback.",
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
        definition="Of the queries on which the system said that the documents don't answer, the share that they "
        "indeed don't answer. One query's row is 1 or 0; the mean over the rows with a value is the ratio.",
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
        definition="Of the queries that the documents don't answer, the share on which the system said so. A failed "
        "query did not say so.",
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
        definition="Of the queries that the documents answer, the share on which the system said that they don't. "
        "A failed query did not say so.",
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
        definition="Share of the cited passages that belong to a gold document. A lower bound: gold labels may be "
        "incomplete.",
        missing="nothing cited, as by a failed query: `no_citation`; no gold document: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
    Metric(
        name="citation_recall",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the gold documents that a cited passage belongs to. No citation is a true 0.",
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
        definition="Share of the gold spans of which at least 80 % of the words (multiplicity counted) are in one "
        "passage of the right document that reached the synthesizer. A span listed for several documents counts once.",
        missing="no gold span: `no_gold`",
        source=_ROW,
        rows="measurements",
    ),
)

_RANKING = (
    "Taken on the documents of the candidate ranking (each at its best chunk's place, ties by id), before it is cut to "
    "what the synthesizer reads; several searches of one query are fused by reciprocal rank first. The ranking "
    "continues below what agents were given until 10 documents are ranked or nothing more matches, so that a level "
    "that searches fewer chunks is judged by as many documents. Nothing found is a true 0."
)

RETRIEVAL = (
    Metric(
        name="no_passages_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Share of the query runs for which no search found a passage. Their answers, abstentions too, "
        "say nothing about the documents: a keyword search in another language than the documents finds nothing.",
        source="`quality_summary`; each of them is marked in `query_runs.no_passages`",
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
        definition="Discounted cumulative gain of the first 10 over that of the best order: linear gain (the grade "
        "in `gold_grades`; 1 for each gold document where a query has none), log2 discount (trec_eval `ndcg_cut_10`; "
        "doi 10.1145/582415.582418).",
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
        definition="1 / rank of the first gold document among the first 10, 0 when there is none.",
        missing=_NO_DOCUMENT,
        source=_ROW,
        rows="measurements",
    ),
)
