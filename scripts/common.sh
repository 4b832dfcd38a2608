# common.sh: what the scripts beside it share. Sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DEPS=$ROOT/build/deps
# shellcheck source=scripts/versions
. "$ROOT/scripts/versions"

# say TEXT…: progress and messages go to stderr; stdout is for results.
say()
{
    printf '%s\n' "$*" >&2
}

# fail TEXT…: the last word of a script.
fail()
{
    say "${0##*/}: $*"
    exit 1
}

have()
{
    command -v "$1" >/dev/null 2>&1
}

sha256_of()
{
    sha256sum "$1" | cut -d ' ' -f 1
}

# value_for PREFIX VERSION: the variable PREFIX_VERSION of scripts/versions (dots as underscores), empty if there is none.
value_for()
{
    local name=$1_${2//./_}
    printf '%s' "${!name:-}"
}

# java_major JAVA: the major version of a Java runtime (17, 21, 25), or nothing if it does not run.
java_major()
{
    "$1" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1
}

# find_java OLDEST: prints the first Java runtime of at least that major version: HEDDLE_JAVA, JAVA_HOME, the one on the PATH,
# the one in build/deps, others that the distribution has installed. Fails if there is none.
find_java()
{
    local candidate major
    for candidate in "${HEDDLE_JAVA:-}" "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" \
        "$DEPS/jdk/bin/java" /usr/lib/jvm/*/bin/java; do
        [ -x "$candidate" ] || continue
        major=$(java_major "$candidate")
        if [ -n "$major" ] && [ "$major" -ge "$1" ]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# find_spark_java: prints the first Java runtime that Spark runs on.
find_spark_java()
{
    local candidate major
    for candidate in "${HEDDLE_SPARK_JAVA:-}" "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" \
        /usr/lib/jvm/*/bin/java; do
        [ -x "$candidate" ] || continue
        major=$(java_major "$candidate")
        if [ -n "$major" ] && [ "$major" -ge "$SPARK_JAVA_OLDEST" ] && [ "$major" -le "$SPARK_JAVA_NEWEST" ]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# server_ready_to_run VERSION: true where both the jars of that server and a Java that can run it are there.
server_ready_to_run()
{
    [ -d "$DEPS/neo4j/$1/lib" ] && find_java "$(value_for NEO4J_JAVA "$1")" >/dev/null
}
