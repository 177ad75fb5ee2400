# interrupt.sh OUT COMMAND...: starts the command, sends it TERM once OUT holds a step line, and exits
# as it does.
out=$1
shift
"$@" >"$out" 2>&1 &
child=$!
for _ in $(seq 200); do
  grep -q '^step' "$out" && break
  sleep 0.05
done
kill -TERM "$child"
wait "$child"
