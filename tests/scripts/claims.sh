# claims.sh: the few functions of the script tests. Sourced by tests/scripts/test-*.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
claims_held=0
claims_failed=0

# claim TEXT COMMAND…: COMMAND must succeed.
claim()
{
    local text=$1
    shift
    if "$@" >"$scratch/output" 2>&1; then
        claims_held=$((claims_held + 1))
        echo "holds: $text"
    else
        claims_failed=$((claims_failed + 1))
        echo "FAILS: $text"
        sed 's/^/    /' "$scratch/output"
    fi
}

# refuses PATTERN COMMAND…: COMMAND must fail, and say something that PATTERN (extended regular expression) matches.
refuses()
{
    local pattern=$1
    shift
    if "$@" >"$scratch/refusal" 2>&1; then
        echo "it succeeded"
        cat "$scratch/refusal"
        return 1
    fi
    grep -qE "$pattern" "$scratch/refusal" || {
        echo "no line matches '$pattern' in:"
        cat "$scratch/refusal"
        return 1
    }
}

# says PATTERN COMMAND…: COMMAND must succeed, and say something that PATTERN matches.
says()
{
    local pattern=$1
    shift
    "$@" >"$scratch/said" 2>&1 || {
        echo "it failed"
        cat "$scratch/said"
        return 1
    }
    grep -qE "$pattern" "$scratch/said" || {
        echo "no line matches '$pattern' in:"
        cat "$scratch/said"
        return 1
    }
}

finish_claims()
{
    echo "$claims_held passed, $claims_failed failed"
    [ "$claims_failed" = 0 ] && [ "$claims_held" -gt 0 ]
}
