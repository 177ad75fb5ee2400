#!/usr/bin/env bash
# build.sh: install what is missing, build, then do what was asked.
#   ./build.sh            build into build/dev
#   ./build.sh demo       train three small models on English text and compare them
#   ./build.sh test       build and run every test
#   ./build.sh install --prefix DIR   build and install tools, headers, library and CMake package
#   ./build.sh format     format all sources
#   ./build.sh docs       check that every program in the docs runs
# LNX_PRESET chooses another preset of CMakePresets.json (asan, release).
set -euo pipefail
cd "$(dirname "$0")"
preset=${LNX_PRESET:-dev}
tree=build/$preset

packages=(cmake ninja-build ccache g++ clang-22 clang-format-22 lld-22 liblld-22-dev llvm-22-dev llvm-22-tools
  libmlir-22-dev mlir-22-tools zlib1g-dev libzstd-dev libxml2-dev libedit-dev libcurl4-openssl-dev
  libffi-dev libz3-dev libfmt-dev libcli11-dev nlohmann-json3-dev libxxhash-dev libgtest-dev libgmock-dev
  libllvm14 libbenchmark-dev bible-kjv bible-kjv-text python3 libclang-rt-22-dev)
# LLVM is not instrumented: it fills arenas that our copies of its headers have marked as unused.
[ "$preset" = asan ] && export ASAN_OPTIONS=allow_user_poisoning=0 UBSAN_OPTIONS=halt_on_error=1

install_missing() {
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  echo "installing: ${missing[*]}"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}
  local source=$PWD
  if [ -n "${CI:-}" ]; then
    # The precompiled header holds absolute paths, so that another clone would miss the cache: CI builds
    # every clone through one link, held until its tests have run.
    source=$HOME/.cache/lnx/src
    mkdir -p "${source%/*}"
    exec 9>"${source%/*}/lock"
    flock 9
    ln -sfn "$PWD" "$source"
  fi
  [ -f "$tree/build.ninja" ] || cmake --preset "$preset" -S "$source" >/dev/null
  ninja -C "$source/$tree" "$@"
}

case "${1:-build}" in
build) install_missing && build ;;
demo)
  install_missing && build lnx lnxc
  exec "$tree/bin/lnx" demo "${@:2}"
  ;;
test)
  install_missing && build
  ctest --test-dir "$tree" --output-on-failure -j2 "${@:2}"
  ;;
install)
  if [ "${2:-}" != --prefix ] || [ -z "${3:-}" ]; then
    echo "usage: ./build.sh install --prefix DIR" >&2
    exit 2
  fi
  install_missing && build lnx lnxc lnx-opt lnx_library
  cmake --install "$tree" --prefix "$3" >/dev/null
  echo "installed in $3"
  ;;
format)
  git ls-files '*.cpp' '*.h' | xargs clang-format-22 -i
  ;;
docs)
  install_missing && build
  ctest --test-dir "$tree" --output-on-failure -R '^docs' "${@:2}"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
