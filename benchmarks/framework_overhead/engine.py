"""The stand-in engine: streams with usage in every chunk as vLLM does, and answers whole where no stream is asked."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from tests.fakes.engine_server import FakeEngine, Streams
from tests.fakes.openai_engine import OpenaiEngine


@dataclass(slots=True, kw_only=True)
class BothWays(OpenaiEngine):
    """Replies in one piece or in many."""

    async def _stream(self, streams: Streams, body: dict[str, Any], prompt_tokens: int, fault: Any) -> bool:
        of = FakeEngine if body.get("stream") else OpenaiEngine
        return await of._stream(self, streams, body, prompt_tokens, fault)  # noqa: SLF001 - one of its two parents


if __name__ == "__main__":
    asyncio.run(BothWays(latency_s=float(sys.argv[1])).serve())
