"""A small source of each format that `docmind import` knows."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

FRANCE = "Paris is the capital of France. It lies on the Seine."
SPAIN = "Madrid is the capital of Spain. It lies high."


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def table(*rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / next(iter(files)) if len(files) == 1 else folder


BEIR = {
    "corpus.jsonl": lines(
        {"_id": "f", "title": "France", "text": FRANCE}, {"_id": "s", "text": SPAIN}, {"_id": "z", "text": "x"}
    ),
    "queries.jsonl": lines({"_id": "1", "text": "Capital of France?"}, {"_id": "2", "text": "Not judged"}),
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\n1\tf\t2\n1\ts\t1\n1\tz\t0\n",
    "qrels/train.tsv": "query-id\tcorpus-id\tscore\n2\ts\t1\n",
}
TREC = {
    "topics.txt": "<top>\n<num> Number: 301\n<title> Capital of France\n<desc> Description:\nWhich?\n</top>\n",
    "qrels.txt": "301 0 F-1 2\n301 0 S-1 1\n301 0 S-2 0\n999 0 F-1 1\n",
    "documents.sgml": f"<DOC>\n<DOCNO> F-1 </DOCNO>\n<TEXT>\n{FRANCE}\n</TEXT>\n</DOC>\n"
    f"<DOC>\n<DOCNO>S-1</DOCNO>\n<TEXT>{SPAIN}</TEXT>\n</DOC>\n",
}
MARCO = {
    "queries.tsv": "1\tCapital of France?\n",
    "qrels.tsv": "1\t0\t7\t1\n",
    "collection.tsv": f"7\t{FRANCE}\n8\t{SPAIN}\n",
}
QA = {"id": "1", "question": "Capital of France?", "answers": [{"text": "Paris", "answer_start": 0}]}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "France",
            "paragraphs": [
                {
                    "context": FRANCE,
                    "qas": [QA, {"id": "2", "question": "Of Peru?", "answers": [], "is_impossible": True}],
                }
            ],
        }
    ],
}
SQUAD_ROW = {
    "id": "1",
    "title": "France",
    "context": FRANCE,
    "question": "Capital of France?",
    "answers": {"text": ["Paris"], "answer_start": [0]},
}
HOTPOT = {
    "_id": "1",
    "question": "Capital of France?",
    "answer": "Paris",
    "type": "bridge",
    "level": "hard",
    "supporting_facts": [["France", 0]],
    "context": [["France", ["Paris is the capital of France.", " It lies on the Seine."]], ["Spain", [SPAIN]]],
}
HOTPOT_HF = {
    **HOTPOT,
    "supporting_facts": {"title": ["France"], "sent_id": [0]},
    "context": {"title": ["France"], "sentences": [["Paris is the capital of France.", " It lies on the Seine."]]},
}
MUSIQUE = {
    "id": "2hop__1",
    "paragraphs": [
        {"idx": 0, "title": "France", "paragraph_text": FRANCE, "is_supporting": True},
        {"idx": 1, "title": "Spain", "paragraph_text": SPAIN, "is_supporting": False},
    ],
    "question": "Capital of France?",
    "answer": "Paris",
    "answer_aliases": ["City of Light"],
    "answerable": True,
}
MULTIHOP = {
    "query": "Capital of France?",
    "answer": "Paris",
    "question_type": "inference_query",
    "evidence_list": [{"title": "France", "url": "http://f", "fact": "Paris is the capital of France."}],
}
DPR = {
    "dataset": "nq",
    "question": "Capital of France?",
    "answers": ["Paris"],
    "positive_ctxs": [{"title": "France", "text": FRANCE, "psg_id": "1"}],
    "hard_negative_ctxs": [{"title": "Spain", "text": SPAIN, "psg_id": "2"}],
}
CLAPNQ = {
    "id": "1",
    "input": "Capital of France?",
    "passages": [{"title": "France", "text": FRANCE, "sentences": []}],
    "output": [{"answer": "It is Paris, as they say.", "selected_sentences": ["Paris is the capital of France."]}],
}
FINANCEBENCH = {
    "financebench_id": "fb_1",
    "company": "3M",
    "doc_name": "3M_2018_10K",
    "question_type": "metrics-generated",
    "question": "What is the capital expenditure?",
    "answer": "$1577.00",
    "evidence": [
        {
            "evidence_text": "capital expenditure was 1577.00",
            "doc_name": "3M_2018_10K",
            "evidence_page_num": 59,
            "evidence_text_full_page": "Page. The capital expenditure was 1577.00 in 2018.",
        }
    ],
}
RAGEVAL = {
    "dragonball_queries.jsonl": lines(
        {
            "domain": "Finance",
            "language": "en",
            "query": {"query_id": 1, "query_type": "Factual Question", "content": "Capital of France?"},
            "ground_truth": {"doc_ids": [44], "content": "Paris", "references": ["Paris is the capital of France."]},
        },
        {
            "query": {"query_id": 2, "query_type": "Irrelevant Unsolvable Question", "content": "Of Peru?"},
            "ground_truth": {"doc_ids": [44], "content": "Unable to answer.", "references": []},
        },
    ),
    "dragonball_docs.jsonl": lines({"doc_id": 44, "company_name": "France", "content": FRANCE}),
}
PUBMEDQA = {
    "21645374": {
        "QUESTION": "Is Paris the capital of France?",
        "CONTEXTS": [FRANCE, SPAIN],
        "LABELS": ["A", "B"],
        "YEAR": "2011",
        "final_decision": "yes",
        "LONG_ANSWER": "It is.",
    }
}
PUBMEDQA_ROW = {
    "pubid": 21645374,
    "question": "Is Paris the capital of France?",
    "final_decision": "yes",
    "context": {"contexts": [FRANCE, SPAIN]},
}
RAGAS = {
    "user_input": "Capital of France?",
    "reference": "Paris",
    "synthesizer_name": "single_hop",
    "reference_contexts": [FRANCE],
}
RAGAS_OLD = table(("question", "contexts", "ground_truth"), ("Capital of France?", repr([FRANCE]), "Paris"))
AUTORAG = {
    "qa.parquet": parquet(
        [{"qid": "1", "query": "Capital of France?", "retrieval_gt": [["f"]], "generation_gt": ["Paris"]}]
    ),
    "corpus.parquet": parquet([{"doc_id": "f", "contents": FRANCE}, {"doc_id": "s", "contents": SPAIN}]),
}
INSPECT = {"id": "1", "input": "Capital of France?", "target": "Paris"}
DEEPEVAL = {"input": "Capital of France?", "expected_output": "Paris", "context": [FRANCE], "actual_output": None}
NAT = {"id": "1", "question": "Capital of France?", "answer": "Paris"}

SOURCES = {
    "beir": ("beir", BEIR),
    "trec sgml": ("trec", TREC),
    "trec tsv": ("trec", MARCO),
    "squad": ("squad", {"dev-v2.0.json": json.dumps(SQUAD)}),
    "squad rows": ("squad", {"squad.jsonl": lines(SQUAD_ROW)}),
    "squad parquet": ("squad", {"data/validation-00000-of-00001.parquet": parquet([SQUAD_ROW])}),
    "hotpotqa": ("hotpotqa", {"hotpot.json": json.dumps([HOTPOT])}),
    "hotpotqa of hugging face": ("hotpotqa", {"hotpot.json": json.dumps([HOTPOT_HF], indent=1)}),
    "hotpotqa parquet": ("hotpotqa", {"hotpot.parquet": parquet([HOTPOT_HF])}),
    "2wiki in texts": (
        "hotpotqa",
        {"dev.jsonl": lines({**HOTPOT, **{k: json.dumps(HOTPOT[k]) for k in ("context", "supporting_facts")}})},
    ),
    "musique": ("musique", {"musique_ans_v1.0_dev.jsonl": lines(MUSIQUE, {**MUSIQUE, "answerable": False})}),
    "multihop-rag": (
        "multihop-rag",
        {
            "MultiHopRAG.json": json.dumps([MULTIHOP]),
            "corpus.json": json.dumps([{"title": "France", "url": "http://f", "body": FRANCE}]),
        },
    ),
    "dpr": ("dpr", {"nq-dev.json": json.dumps([DPR], indent=4)}),
    "nq-open": ("nq-open", {"NQ-open.dev.jsonl": lines({"question": "Capital of France?", "answer": ["Paris"]})}),
    "nq-open of dpr": ("nq-open", {"nq-test.qas.csv": "Capital of France?\t['Paris']\nOf Spain?\t[\"Madrid\"]\n"}),
    "clapnq": ("clapnq", {"dev.jsonl": lines(CLAPNQ)}),
    "clapnq table": (
        "clapnq",
        {"dev.tsv": "id\tquestion\tdoc-id-list\tanswers\n1\tCapital of France?\t8_1-2\tParis::The city of Paris\n"},
    ),
    "financebench": ("financebench", {"financebench_open_source.jsonl": lines(FINANCEBENCH)}),
    "rageval": ("rageval", RAGEVAL),
    "pubmedqa": ("pubmedqa", {"ori_pqal.json": json.dumps(PUBMEDQA, indent=4)}),
    "pubmedqa parquet": ("pubmedqa", {"pqa.parquet": parquet([PUBMEDQA_ROW])}),
    "ragas": ("ragas", {"testset.jsonl": lines(RAGAS)}),
    "ragas csv": ("ragas", {"testset.csv": RAGAS_OLD}),
    "autorag": ("autorag", AUTORAG),
    "inspect": ("inspect", {"samples.jsonl": lines(INSPECT)}),
    "promptfoo": (
        "promptfoo",
        {"tests.csv": table(("question", "__expected"), ("Capital of France?", "equals:Paris"))},
    ),
    "deepeval": ("deepeval", {"goldens.json": json.dumps([DEEPEVAL])}),
    "deepeval csv": (
        "deepeval",
        {
            "goldens.csv": table(
                ("input", "expected_output", "context"), ("Capital of France?", "Paris", f"{FRANCE}|{SPAIN}")
            )
        },
    ),
    "nat": ("nat", {"langsmith.json": json.dumps([NAT])}),
}
