"""The worked examples before an answer."""

import re
from dataclasses import replace

from docmind_core.agents.answering import answer_request
from docmind_core.agents.passages import split_citations
from docmind_core.agents.prompt_files import answer_examples
from tests.fakes.scripted_tools import ScriptedTools, make_context, make_hit


def test_a_worked_example_is_worded_as_the_call_that_follows_it():
    for example in answer_examples():
        passage, question = re.fullmatch(
            r"<passages>\n(\[1] .+\n.+)\n</passages>\n\nQuestion: (.+)\n\nTask: answer the question\.", example.user
        ).groups()
        title, text = passage.removeprefix("[1] ").split("\n")
        hit = make_hit(1, text=text)
        read = [replace(hit, chunk=replace(hit.chunk, title=title))]
        assert answer_request(question, read, make_context(ScriptedTools())).user == example.user
        answer, cited = split_citations(example.assistant, read)
        assert answer in text
        assert cited == (hit.chunk.chunk_id,)
