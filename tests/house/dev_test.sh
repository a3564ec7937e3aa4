#!/usr/bin/env bash
# ./dev's manners, tried with made-up dpkg-query, apt-get, sudo and id in front of the real ones:
# what is there is not installed again; what is missing is, as root or through sudo; who may not is
# told in one line; a wrong verb ends with 2. Installs nothing.
set -uo pipefail
dev=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/dev
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
failures=0 cases=0

fake() { # fake NAME BODY
  printf '#!/bin/bash\n%s\n' "$2" >"$box/$1"
  chmod +x "$box/$1"
}

# try NAME STATUS PATTERN ABSENT WORD...: runs ./dev WORD... and looks at what it said and did.
try() {
  local name=$1 status=$2 pattern=$3 absent=$4 said got
  shift 4
  : >"$box/log"
  said=$(PATH=$box:$PATH BOX=$box "$dev" "$@" 2>&1 </dev/null)
  got=$?
  said+=$'\n'$(cat "$box/log")
  cases=$((cases + 1))
  if [ "$got" != "$status" ] || ! grep -q -- "$pattern" <<<"$said" || { [ -n "$absent" ] && grep -q -- "$absent" <<<"$said"; }; then
    failures=$((failures + 1))
    printf 'self-test: %s: ended with %s, not %s, or without "%s"%s:\n%s\n' \
      "$name" "$got" "$status" "$pattern" "${absent:+, or with \"$absent\"}" "$said"
  fi
}

all_there='shift 3; for p in "$@"; do echo "$p installed"; done'
one_gone='shift 3; for p in "$@"; do [ "$p" = cmake ] && echo "$p config-files" || echo "$p installed"; done'
root='echo 0'
user='echo 1000'
fake apt-get 'echo "apt-get $*" >>"$BOX/log"'

try "help" 0 "demo \[--once\]" "" --help
try "a wrong verb" 2 "expected a verb, not 'tset'" "" tset
try "no verb" 2 "expected a verb:" ""
try "packages of nothing" 2 "packages of which verb" "" packages

fake dpkg-query "$all_there" && fake id "$user" && fake sudo 'exit 1'
try "all there, no rights" 0 "" "apt-get" packages test
fake id "$root"
try "all there, root" 0 "" "apt-get" packages bench
fake dpkg-query "$one_gone"
try "one gone, root" 0 "apt-get .*install -y --no-install-recommends cmake$" "sudo" packages build
fake id "$user" && fake sudo 'echo "sudo $*" >>"$BOX/log"; [ "$1" = -n ] || "$@"'
try "one gone, sudo" 0 "^sudo env .*apt-get .*install.* cmake$" "an administrator" packages build
fake sudo 'exit 1'
try "one gone, no rights" 1 "missing: cmake; an administrator runs: apt-get install --no-install-recommends cmake$" "installing" packages lint
fake id "$root" && fake apt-get 'echo "E: no such thing"; exit 100'
try "apt-get fails" 1 "E: no such thing" "" packages test

echo "self-test: $((cases - failures)) of $cases cases judged rightly"
[ "$failures" = 0 ]
