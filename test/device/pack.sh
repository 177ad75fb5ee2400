#!/usr/bin/env bash
# pack.sh BUILD FOLDER [--short]: what a machine with a GPU needs to run the device suite, as FOLDER:
# the suite, the libraries it was linked with but the C library, the bundle, and `run`, which starts it.
set -euo pipefail
build=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder/libs"
cp "$build/bin/device-suite" "$folder"
ldd "$build/bin/device-suite" | awk '$3 ~ /\/(libfmt|libxxhash|libstdc|libgcc_s)/ {print $3}' |
  xargs cp -L -t "$folder/libs"
"$build/bin/device-bundle" "$folder/bundle" "${@:3}"
cat >"$folder/run" <<'RUN'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$here/libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/device-suite" "$here/bundle" "$@"
RUN
chmod +x "$folder/run"
du -sh "$folder"
