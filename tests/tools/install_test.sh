#!/bin/sh
# install_test ROOT BUILD: what is installed below DESTDIR is complete, and runs from there, moved as a whole.
set -u
root=$1
build=$2
dir=$(mktemp -d) || exit 2
pid=
number=0
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT

# expect NAME COMMAND...: one test
expect() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$dir"/out 2>&1; then
		echo "ok $number - $name"
	else
		sed 's/^/# /' "$dir"/out
		echo "not ok $number - $name"
	fi
}

installed() {
	meson install --no-rebuild -C "$build" --destdir "$dir/image" && mv "$dir/image$prefix" "$dir/moved"
}

# every process's page and every command's
pages() {
	for page in "$root"/src/*/*.8; do
		[ -s "$man/man8/moltbot-$(basename "$page")" ] || { echo "$page is not installed" && return 1; }
	done
	"$moltbot" help --json | grep -o '"command": *"[^"]*"' | sed 's/.*: *"//; s/"$//' >"$dir"/commands
	[ -s "$dir"/commands ] || return 1
	while read -r command; do
		grep -q '^\.TH' "$man/man1/moltbot-$(echo "$command" | tr ' ' -).1" || return 1
	done <"$dir"/commands
	[ -s "$man"/man1/moltbot.1 ]
}

completions() {
	[ -s "$dir"/moved/share/bash-completion/completions/moltbot ] && [ -s "$dir"/moved/share/zsh/site-functions/_moltbot ] &&
		[ -s "$dir"/moved/share/fish/vendor_completions.d/moltbot.fish ]
}

# The installed programs only: nothing of the build tree may be needed.
starts() {
	export MOLTBOT_STATE_DIR="$dir"/state
	env -u MOLTBOT_BUILD "$moltbot" gateway run --port "$port" >"$dir"/log 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		"$moltbot" gateway status >/dev/null 2>&1 && break
		sleep 0.1
	done
	"$moltbot" gateway status | grep -q 'auth.mode = "token"' || { cat "$dir"/log && return 1; }
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q "^libexec=$dir/moved/" || { tr '\0' '\n' <"/proc/$pid/cmdline" && return 1; }
}

answers() {
	"$moltbot" agent -m 'what is 17 * 23' | grep -q 391
}

# as it was compressed at the installation, and the file itself to whoever does not take that
compressed() {
	python3 -c 'import gzip, sys, urllib.request
def get(coding):
    return urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": coding}))
small, whole = get("gzip"), get("identity")
body = whole.read()
packed = small.read()
sys.exit(not (small.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed) == body and len(packed) < len(body)
    and whole.headers["Content-Encoding"] is None and whole.headers["Vary"] == "Accept-Encoding" and small.headers["ETag"] != whole.headers["ETag"]))' \
		"http://127.0.0.1:$port/app.js"
}

page() {
	python3 -c 'import sys, urllib.request; sys.exit(b"<html" not in urllib.request.urlopen(sys.argv[1]).read().lower())' \
		"http://127.0.0.1:$port/"
}

stops() {
	"$moltbot" gateway stop && wait "$pid"
}

prefix=$(meson introspect --buildoptions "$build" | python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
moltbot=$dir/moved/bin/moltbot
man=$dir/moved/share/man
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
expect 'meson install honours DESTDIR and prefix' installed
expect 'each process and each command has its man page' pages
expect 'completions for three shells' completions
expect 'the gateway starts from where it was moved to, with its own programs' starts
expect 'it answers' answers
expect 'its page is served' page
expect 'its files are served as they were compressed' compressed
expect 'it stops when told' stops
pid=
echo "1..$number"
