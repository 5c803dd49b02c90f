#!/usr/bin/env bash
# Stress tests of the backends that need no server; STRESS_TEST_MONITORING.md says what the figures mean.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    cat <<'USAGE'
usage: ./run-stress-tests.sh [SECONDS] [--parallel-only | --large-payload] [--track]

  SECONDS          for how long each workload is measured on each backend [default: 10]
  --parallel-only  only orchestrations side by side
  --large-payload  only long inputs and outputs
  --track          append the figures to stress-test-results.md

DUROXIDE_STRESS_BACKENDS says which backends, for example "sqlite postgres" [default: "memory sqlite"].
The report is in target/stress. Exit code: 0 everything was done once, 1 something was not, 2 a wrong argument.
USAGE
}

seconds=10
workloads=(parallel large-payload)
is_tracked=false
for argument in "$@"; do
    case $argument in
        --parallel-only) workloads=(parallel) ;;
        --large-payload) workloads=(large-payload) ;;
        --track) is_tracked=true ;;
        -h | --help)
            usage
            exit 0
            ;;
        '' | 0 | *[!0-9]*)
            echo "what is '$argument'?" >&2
            usage >&2
            exit 2
            ;;
        *) seconds=$argument ;;
    esac
done

arguments=(--duration "${seconds}s" --output "$here/target/stress")
for backend in ${DUROXIDE_STRESS_BACKENDS:-memory sqlite}; do
    arguments+=(--backend "$backend")
done
for workload in "${workloads[@]}"; do
    arguments+=(--workload "$workload")
done

duroxide() {
    cargo run --quiet --release --manifest-path "$here/Cargo.toml" -p duroxide-cli -- "$@"
}

# A report of an earlier run is none of this one.
rm -f "$here/target/stress/stress.json"
# What failed is tracked too.
status=0
duroxide stress "${arguments[@]}" || status=$?
if $is_tracked && [ -s "$here/target/stress/stress.json" ]; then
    results=$here/stress-test-results.md
    commit=$(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo unknown)
    {
        [ -s "$results" ] || echo '# Results of run-stress-tests.sh'
        printf '\n## %s, commit %s\n\n' "$(date -u '+%Y-%m-%d %H:%M UTC')" "$commit"
        duroxide stress show --markdown "$here/target/stress/stress.json"
    } >>"$results"
    echo "appended to stress-test-results.md"
fi
exit "$status"
