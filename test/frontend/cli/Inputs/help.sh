# help.sh LNX: checks the length and the examples of every help page.
for command in "" data verify train eval sample plan doctor demo; do
  page=$("$1" $command --help) || exit 1
  lines=$(wc -l <<<"$page")
  [ "$lines" -le 60 ] || { echo "$command: $lines lines" >&2; exit 1; }
  grep -q '^Examples:' <<<"$page" || { echo "$command: no example" >&2; exit 1; }
done
