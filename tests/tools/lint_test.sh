#!/bin/sh
# lint_test ROOT: help and a wrong name are answered at once, and run no check.
set -u
lint=$1/tools/lint

ok() {
	if [ "$2" = "$3" ]; then echo "ok $1 - $4"; else
		echo "# $2 instead of $3"
		echo "not ok $1 - $4"
	fi
}

echo 1..2
said=$("$lint" --help 2>&1)
ok 1 "$? $(echo "$said" | grep -cE '^  (format|tidy|limits) |^(ok|FAILED) ')" '0 3' 'help lists the checks and runs none'
said=$("$lint" nosuch 2>&1)
ok 2 "$? $(echo "$said" | grep -cE "no check is called 'nosuch'|^(ok|FAILED) ")" '2 1' 'an unknown check is refused'
