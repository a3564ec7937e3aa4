#!/usr/bin/env bash
# pkg_config.sh PREFIX SOURCE OUT VERSION CXX [FLAG...]: builds SOURCE with what pkg-config says of
# the estab below PREFIX, and runs it.
set -euo pipefail
prefix=$1 source=$2 out=$3 version=$4 cxx=$5
shift 5
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name estab.pc)")
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion estab)" = "$version" ] || { echo "estab.pc does not say version $version"; exit 1; }
mkdir -p "$(dirname "$out")"
# shellcheck disable=SC2046  # words on purpose
"$cxx" -std=c++20 "$@" "$source" -o "$out.program" $(pkg-config --cflags --libs estab)
"$out.program"
