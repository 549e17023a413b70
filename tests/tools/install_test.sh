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

# what `make install` hands on to meson, which does the rest
handed_on() {
	make -n -C "$root" install prefix=/opt/elsewhere DESTDIR="$dir/y" >"$dir"/rules &&
		grep -q 'meson configure [^ ]* -Dprefix=/opt/elsewhere$' "$dir"/rules && grep -q "meson install .*--destdir $dir/y\$" "$dir"/rules
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

# as it was compressed at the installation, and the file itself to whoever does not take that, or wants a part; who has it gets none
compressed() {
	python3 -c 'import gzip, sys, urllib.error, urllib.request
def get(method="GET", **fields):
    asked = urllib.request.Request(sys.argv[1], method=method, headers={k.replace("_", "-"): v for k, v in fields.items()})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as other:
        return other.code, other.headers, other.read()
code, small, packed = get(Accept_Encoding="gzip")
_, whole, body = get(Accept_Encoding="identity")
assert code == 200 and small["Content-Encoding"] == "gzip" and gzip.decompress(packed) == body and len(packed) < len(body)
assert whole["Content-Encoding"] is None and whole["Vary"] == small["Vary"] == "Accept-Encoding" and small["ETag"] != whole["ETag"]
code, head, nothing = get("HEAD", Accept_Encoding="gzip")
assert code == 200 and nothing == b"" and [head[f] for f in ("Content-Length", "Content-Encoding", "ETag")] == [str(len(packed)), "gzip", small["ETag"]]
code, _, nothing = get(Accept_Encoding="gzip", If_None_Match=small["ETag"])
assert (code, nothing) == (304, b"")
code, _, again = get(Accept_Encoding="identity", If_None_Match=small["ETag"])
assert (code, again) == (200, body)
code, part, bytes = get(Accept_Encoding="gzip", Range="bytes=3-12")
assert (code, part["Content-Encoding"], part["Content-Range"], bytes) == (206, None, f"bytes 3-12/{len(body)}", body[3:13])
code, part, bytes = get(Accept_Encoding="gzip", Range="bytes=3-12", If_Range=small["ETag"])
assert (code, bytes) == (200, body)' \
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
expect 'make install hands DESTDIR and prefix on' handed_on
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
