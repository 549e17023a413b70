#!/usr/bin/env python3
"""run_tests_test ROOT: tools/run-tests counts what test programs print, and cannot be made to overlook a failure."""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys

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
    ("running out of time is a failure", "1..1\nok 1 - a\n", "TIMEOUT", -15, (1, 1, 0)),
    ("plain TAP with a reason", "ok 1 - a # SKIP needs root\nok 2 - b\n1..2\n", "OK", 0, (1, 0, 1)),
]
NODES = [
    ("Node's summary is counted", NODE, 1, (1, 1, 1)),
    ("Node that ends without a summary is a failure", "ok 1 - a\n", 0, (0, 1, 0)),
    ("Node that fails although nothing failed is a failure", NODE.replace("not ok", "ok").replace("fail 1", "fail 0"), 1,
     (1, 1, 1)),
]


def counts(count, *args):
    tally = run_tests.Tally()
    with contextlib.redirect_stdout(io.StringIO()):
        count(*args, tally)
    return tally.passed, len(tally.failed), len(tally.skipped)


results = []
for name, out, result, code, wanted in PROGRAMS:
    test = {"name": "moltbot:unit / p", "stdout": out, "result": result, "returncode": code}
    results.append((name, counts(run_tests.count_program, test), wanted))
for name, out, code, wanted in NODES:
    results.append((name, counts(run_tests.count_node, out, code), wanted))
print(f"1..{len(results)}")
for number, (name, got, wanted) in enumerate(results, 1):
    if got != wanted:
        print(f"# counted {got}, expected {wanted}")
    print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
