# damaged-certificates.sh CERTIFIER CERTIFICATE FOLDER: it ends soon, with 1 or 6 and one sentence, on
# files that are cut off, no JSON, nested deep, huge, or no files.
certifier=$1 whole=$2
cd "$3" || exit 1
size=$(stat -c %s "$whole")
fails() {
  expected=$1 file=$2
  talk=$(ulimit -v 2097152; timeout 10 "$certifier" "$file" 2>&1 >/dev/null)
  code=$?
  if [ "$code" != "$expected" ] || [ "$(printf '%s\n' "$talk" | wc -l)" != 1 ]; then
    echo "exit code $code, not $expected, of $file: $talk" >&2
    exit 1
  fi
}
for cut in 0 1 2 $((size / 7)) $((size / 3)) $((size / 2)) $((size - 3)); do
  head -c "$cut" "$whole" > cut.json
  fails 1 cut.json
done
head -c 100000 /dev/urandom > noise.json
fails 1 noise.json
head -c 1000000 /dev/zero > zero.json
fails 1 zero.json
head -c 1000000 /dev/zero | tr '\0' '[' > deep.json
fails 1 deep.json
(printf '{"a":"'; head -c 1000000 /dev/zero | tr '\0' 'a') > text.json
fails 1 text.json
(printf '['; head -c 20000000 /dev/zero | tr '\0' ' '; printf ']') > blank.json
fails 1 blank.json
(printf '\357\273\277'; cat "$whole") > bom.json
fails 1 bom.json
truncate -s 70M huge.json
fails 6 huge.json
fails 6 .
fails 6 /dev/zero
