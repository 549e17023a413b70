#!/bin/sh
# setup_test ROOT: tools/setup on machines that lack something, played by a PATH with fakes and a table of its own.
set -u
root=$1
tree=$(mktemp -d) || exit 99
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tools" "$tree/bin"
cp "$root/tools/setup" "$tree/tools/"
printf 'cmd:sh\tdash\tbuild there\tthe shell\ncmd:no-such-program\tno-such-package\tbuild test\twhat the test wants\n' >"$tree/tools/packages"
for p in sh dirname cat rm tail printf; do ln -s "$(command -v "$p")" "$tree/bin/$p" 2>/dev/null; done
n=0

fake() {
	printf '#!/bin/sh\n%s\n' "$2" >"$tree/bin/$1"
	chmod +x "$tree/bin/$1"
}

expect() {
	n=$((n + 1))
	name=$1 wanted=$2 words=$3
	shift 3
	out=$(PATH=$tree/bin sh "$tree/tools/setup" "$@" 2>&1)
	status=$?
	if [ "$status" = "$wanted" ] && case $out in *"$words"*) true ;; *) false ;; esac then
		echo "ok $n - $name"
	else
		echo "# exit status $status, output: $out"
		echo "not ok $n - $name"
	fi
}

echo 1..7
expect 'nothing is said when nothing of the group is wanted' 0 '' lint
expect 'without apt-get it says what is needed and what for' 1 'no-such-package: what the test wants' build
fake apt-get "echo \"\$@\" >>'$tree/log'"
fake id 'echo 1000'
expect 'without root and sudo it shows the command to type' 1 'apt-get install -y --no-install-recommends no-such-package' test
fake sudo "echo sudo >>'$tree/log'; \"\$@\""
expect 'with sudo it installs through it' 0 'Installing with apt-get what is missing:' build test
fake id 'echo 0'
fake apt-get 'echo no network; exit 100'
expect 'a failing apt-get fails the set-up and is shown' 1 'no network' build
n=$((n + 1))
fake apt-get "echo \"\$@\" >>'$tree/log'"
out=$(PATH=$tree/bin sh "$tree/tools/setup" there 2>&1)
if [ -z "$out" ]; then
	echo "ok $n - where nothing is missing nothing is said, and (below) nobody is asked"
else
	echo "# $out"
	echo "not ok $n - where nothing is missing nothing is said, and (below) nobody is asked"
fi
n=$((n + 1))
if [ "$(cat "$tree/log")" = "sudo
update
sudo
install -y --no-install-recommends no-such-package" ]; then
	echo "ok $n - only what is missing is installed, once, after one update"
else
	sed 's/^/# /' "$tree/log"
	echo "not ok $n - only what is missing is installed, once, after one update"
fi
