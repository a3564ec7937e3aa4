#!/usr/bin/env bash
# install.sh CMAKE BUILD_DIR STAGE: installs into STAGE, checks that what belongs there is there, and
# moves it to STAGE/moved: whoever uses it must find it where it lies, not where it was made.
set -euo pipefail
cmake=$1 build=$2 stage=$3
rm -rf "$stage"
"$cmake" --install "$build" --prefix "$stage/first" >/dev/null
cd "$stage/first"
missing=0
for file in bin/estab include/estab/time.h 'lib*/libestab.a' 'lib*/libestab_core.a' \
  'lib*/cmake/estab/estabConfig.cmake' 'lib*/pkgconfig/estab.pc'; do
  find . -path "./$file" | grep -q . || { echo "not installed: $file"; missing=1; }
done
# Nothing that the headers include may be left behind, and nothing of src/ may come along.
for header in $(grep -rhoE '#include "[^"]+"' include | sed 's/.*"\(.*\)"/\1/' | sort -u); do
  [ -e "include/$header" ] || { echo "an installed header includes $header, which is not installed"; missing=1; }
done
[ "$missing" = 0 ] || exit 1
mv "$stage/first" "$stage/moved"
find "$stage/moved" -type f | wc -l | sed 's/$/ files installed/'
