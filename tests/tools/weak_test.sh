#!/bin/sh
# weak_test ROOT BUILD: nothing of weak builds is in the programs of this one, and every control that a weak build can leave
# out is left out by a test.
set -u
root=$1
build=$2
table=$root/lib/base/weak.def
rows=$(sed -n 's/^WEAK_ROW(\([A-Z0-9_]*\),.*/\1/p' "$table")

echo 1..3
traces=
for program in "$build"/src/*/moltbot*; do
	if [ -f "$program" ] && [ -x "$program" ] && grep -qE 'MOLTBOT_WEAK|weak_(out|environ|set)' "$program"; then
		traces="$traces $program"
	fi
done
if [ -z "$traces" ] && [ -x "$build/src/cli/moltbot" ]; then echo 'ok 1 - no program can leave a control out'; else
	echo "# found in:$traces"
	echo 'not ok 1 - no program can leave a control out'
fi
bad=
for row in $rows; do
	grep -qrw --include='*.test.mjs' --exclude-dir=node_modules "$row" "$root/tests" ||
		grep -q "^$row | " "$root/tests/process/weak.txt" || bad="$bad $row(no-test)"
	grep -qr --include='*.[ch]' "WEAK($row)" "$root/src" "$root/lib" "$root/proto" || bad="$bad $row(no-use)"
done
if [ -z "$bad" ] && [ -n "$rows" ]; then echo 'ok 2 - every row of weak.def is left out by a test'; else
	echo "# rows:$bad"
	echo 'not ok 2 - every row of weak.def is left out by a test'
fi
if python3 "$root/tools/weak" --table | cmp -s - "$root/tests/attack/README.md"; then
	echo 'ok 3 - tests/attack/README.md is what tools/weak --table says'
else
	echo 'not ok 3 - tests/attack/README.md is what tools/weak --table says'
fi
