# exits.sh CODE COMMAND...: succeeds when the command exits with exactly this code.
expected=$1
shift
"$@" >/dev/null 2>&1
code=$?
[ "$code" = "$expected" ] || { echo "exit code $code, not $expected: $*" >&2; exit 1; }
