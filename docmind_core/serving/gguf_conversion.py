"""Dequantise a GGUF file into a folder of safetensors; run as a script, so that torch stays out of the platform.

Usage: `python -m docmind_core.serving.gguf_conversion MODEL.gguf FOLDER`
"""

import importlib
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Write the model in bfloat16 and its tokenizer to `folder`.

    bfloat16 holds every value that a 4-bit file can give back closely enough, at half of float32's size; the
    engine widens it again when it is started with another dtype.
    """
    # By name, because these packages are optional and their types must not be needed to check this file.
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    source = {"gguf_file": gguf.name}
    _say("reading the tokenizer")
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, **source)
    _say("dequantising the weights")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        dtype=torch.bfloat16,
        # Without `dequantize` transformers refuses to save the model.
        quantization_config=transformers.GgufConfig(dequantize=True),
        **source,
    )
    _say("writing safetensors")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _say(line: str) -> None:
    sys.stdout.write(f"progress: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
