"""Time to fit prompts of more than 128K real tokens into the guide's window: python -m benchmarks.context_fitting.

The texts are the chunks of the language reference, the tokenizer and the chat template those of the bundled model.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import cycle, islice

from docmind_core.agents.context import USER, Message
from docmind_core.agents.context_state import ContextState, LaidOutRequest
from docmind_core.agents.context_window import ContextWindow, Fitted
from docmind_core.agents.passages import numbered
from docmind_core.query_sets.python_reference.questions import topic_documents
from docmind_core.retrieval.chunks import chunk_documents
from docmind_core.retrieval.search import Chunk, Hit
from docmind_core.serving.bundled_model import prepare_bundled_model
from docmind_core.serving.token_counts import FolderTokenCounts
from docmind_core.settings import load_settings

WINDOW = 131_072
QUERY = "How does a with statement call the methods of its context manager?"


def passages_only(chunks: list[Chunk]) -> ContextState:
    """Return a state whose passages alone overflow the window."""
    hits = [Hit(chunk=chunk, score=1.0 / rank) for rank, chunk in enumerate(islice(cycle(chunks), 900), start=1)]
    return ContextState(query=QUERY, tail=f"Question: {QUERY}", passages=numbered(hits))


def conversation_and_passages(chunks: list[Chunk]) -> ContextState:
    """Return a state of 350 turns, each quoting two chunks, and 300 passages."""
    texts = cycle(chunk.text for chunk in chunks)
    history = [
        Message(speaker=speaker, text=f"{number}. {next(texts)}")
        for number in range(350)
        for speaker in (USER, "result_synthesizer")
    ]
    hits = [Hit(chunk=chunk, score=1.0 / rank) for rank, chunk in enumerate(chunks[:300], start=1)]
    return ContextState(query=QUERY, tail=f"Question: {QUERY}", passages=numbered(hits), history=tuple(history))


STATES: dict[str, Callable[[list[Chunk]], ContextState]] = {
    "only passages": passages_only,
    "conversation and passages": conversation_and_passages,
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = prepare_bundled_model(load_settings(), announce=print).folder
    chunks = list(chunk_documents(topic_documents()))
    print("state | budget | tokens before | tokens after | strategies | wall s, median | CPU s, median")
    for name, build in STATES.items():
        for budget in (None, 8192):
            state = build(chunks)
            wall, processor = [], []
            for _ in range(rounds):
                # A counter of its own: what it remembers would be there already.
                window = ContextWindow(max_model_len=WINDOW, counts=FolderTokenCounts(folder), context_budget=budget)
                request = LaidOutRequest(system="Answer.", user=state.render(), max_tokens=256, state=state)
                began, used = time.perf_counter(), time.process_time()
                fitted = window.fit(request)
                wall.append(time.perf_counter() - began)
                processor.append(time.process_time() - used)
            figures = (f"{statistics.median(times):.2f}" for times in (wall, processor))
            print(" | ".join([name, f"{budget or 'window'}", *shown(fitted), *figures]), flush=True)


def shown(fitted: Fitted) -> list[str]:
    """Return the tokens before and after, and the strategies that were applied."""
    steps = fitted.reductions
    names = ", ".join(step.strategy for step in steps)
    after = "refused" if fitted.overflow else f"{steps[-1].tokens_after:,}"
    return [f"{steps[0].tokens_before:,}", after, names]


if __name__ == "__main__":
    main()
