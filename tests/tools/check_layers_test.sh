#!/bin/sh
# check_layers_test ROOT: tools/check-layers finds each kind of forbidden include and link, and nothing else.
set -u
root=$1
tree=$(mktemp -d) || exit 99
trap 'rm -rf "$tree"' EXIT
n=0

fresh() {
	rm -rf "$tree"
	mkdir -p "$tree/tools" "$tree/src/edge/sub" "$tree/src/core" "$tree/lib/base" "$tree/lib/ev" "$tree/proto" "$tree/build/src/edge"
	cp "$root/tools/check-layers" "$tree/tools/"
	for h in src/edge/edge.h src/core/core.h lib/base/err.h lib/ev/ev.h proto/a_b.def; do : >"$tree/$h"; done
	printf '#include "edge.h"\n#include "base/err.h"\n#include "proto/a_b.def"\n#include <stdio.h>\n' >"$tree/src/edge/edge.c"
	printf '#include "../edge.h"\n' >"$tree/src/edge/sub/x.c"
	printf '# links:\n' >"$tree/src/edge/meson.build"
}

# expect NAME STATUS WORDS [BUILD]
expect() {
	n=$((n + 1))
	out=$(sh "$tree/tools/check-layers" ${4+"$tree/build"} 2>&1)
	status=$?
	if [ "$status" = "$2" ] && case $out in *"$3"*) true ;; *) false ;; esac then
		echo "ok $n - $1"
	else
		echo "# exit status $status, output: $out"
		echo "not ok $n - $1"
	fi
}

echo 1..8
fresh
expect 'a tree that keeps the layers passes' 0 ''
echo '#include "core/core.h"' >>"$tree/src/edge/edge.c"
expect 'a process that includes another by the path below src is found' 1 'src/edge/edge.c includes src/core/core.h'
fresh
echo '#include "../../core/core.h"' >>"$tree/src/edge/sub/x.c"
expect 'a process that includes another by a relative path is found' 1 'src/edge/sub/x.c includes src/core/core.h'
fresh
echo '  #  include "../../proto/a_b.def"' >>"$tree/lib/ev/ev.h"
expect 'a library that includes proto is found' 1 'lib/ev/ev.h includes proto/a_b.def'
fresh
echo '#include "src/edge/edge.h"' >>"$tree/lib/ev/ev.h"
expect 'a library that includes a process is found' 1 'lib/ev/ev.h includes src/edge/edge.h'
fresh
echo '#include "edge/edge.h"' >>"$tree/proto/a_b.def"
expect 'a message table that includes a process is found' 1 'proto/a_b.def includes src/edge/edge.h'
fresh
printf 'int main(void){return 0;}\n' | cc -x c - -o "$tree/build/src/edge/moltbot-edge" -Wl,--no-as-needed -lm
expect 'a shared library that is not listed is found' 1 'edge links libm.so.6' build
echo '# links: libm' >"$tree/src/edge/meson.build"
expect 'a shared library that is listed passes' 0 '' build
