#!/usr/bin/env bash
# Runs every part of the tests, whatever the parts before it say, and names at the end what failed.
# Usage: scripts/run_tests.sh [fast|daemon|fast+daemon|engine ...]   fast+daemon and engine by default, which is all
set -uo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
failed=()

# Files stay whole on one worker, for the fixtures that a file shares, in the order of tests/conftest.py. The tests with
# the real daemon wait for its ticks: they have a worker more than there are cores. The real engine has the machine to
# itself.
run_part() {
    local apart=(--dist loadfile --no-loadscope-reorder)
    case "$1" in
        fast) "$python" -m pytest -q -m "not engine and not daemon" -n auto "${apart[@]}" ;;
        fast+daemon) "$python" -m pytest -q -m "not engine" -n "$(($(nproc) + 1))" "${apart[@]}" ;;
        daemon) "$python" -m pytest -q -m daemon tests/end_to_end ;;
        engine) "$python" -m pytest -q -m engine -o faulthandler_timeout=1200 tests/end_to_end tests/serving ;;
        *) echo "tests: unknown part '$1'. Use fast, daemon, fast+daemon or engine." >&2; return 2 ;;
    esac
}

for part in "${@:-fast+daemon engine}"; do
    for name in $part; do
        echo "tests: $name"
        run_part "$name" 2>&1 | tee -a "$log"
        status="${PIPESTATUS[0]}"
        [ "$status" -eq 0 ] || failed+=("$name")
        # 2: interrupted by Ctrl-C, or a wrong argument; the other parts would be interrupted too.
        [ "$status" -ne 2 ] || break 2
    done
done

[ "${#failed[@]}" -gt 0 ] || exit 0
echo
echo "tests: failed in ${failed[*]}:"
grep -E '^(FAILED|ERROR) ' "$log" | sort -u
exit 1
