#!/usr/bin/env bash
# Runs every part of the tests, whatever the parts before it say, and names at the end what failed.
# Usage: scripts/run_tests.sh [fast|engine|daemon ...]   all three by default
set -uo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
failed=()

# Files stay whole on one worker, for the fixtures that a file shares, in the order of tests/conftest.py; the real engine
# and the real daemon get the machine to themselves.
run_part() {
    case "$1" in
        fast) "$python" -m pytest -q -m "not engine and not daemon" -n auto --dist loadfile --no-loadscope-reorder ;;
        engine) "$python" -m pytest -q -m engine -o faulthandler_timeout=1200 tests/end_to_end tests/serving ;;
        daemon) "$python" -m pytest -q -m daemon -o faulthandler_timeout=1200 tests/end_to_end ;;
        *) echo "tests: unknown part '$1'. Use fast, engine or daemon." >&2; return 2 ;;
    esac
}

for part in "${@:-fast engine daemon}"; do
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
