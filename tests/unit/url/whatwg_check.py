"""Compares lib/url with the WHATWG URL cases: what fails there must be refused here; what we accept must agree on
the host and port. usage: whatwg_check.py URL_ORACLE URLTESTDATA.JSON (exit 77: the cases are absent)"""
import json
import subprocess
import sys

PORTS = {"http:": "80", "https:": "443", "ws:": "80", "wss:": "443"}


def main():
    oracle, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8") as f:
            cases = [c for c in json.load(f) if isinstance(c, dict)]
    except FileNotFoundError:
        print("skipped: no", path)
        return 77
    lines = "".join("url %s\n" % c["input"].encode("utf-8", "surrogatepass").hex() for c in cases)
    out = subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(out) == len(cases), "one answer a case"
    wrong = accepted = failures = 0
    for case, answer in zip(cases, out):
        failures += "failure" in case
        if answer == "no":
            continue
        accepted += 1
        _, kind, host, port = answer.split(" ")
        if "failure" in case:
            want = "refused"
        else:
            want = "%s %s" % (case["hostname"].strip("[]"), case["port"] or PORTS.get(case["protocol"]))
        if want != "%s %s" % (host, port):
            wrong += 1
            print("%r: %s, expected %s" % (case["input"], answer, want))
    print("%d cases, %d failures, %d accepted, %d wrong" % (len(cases), failures, accepted, wrong))
    if accepted < 80:
        print("too few accepted for the comparison to mean anything")
        return 1
    return 1 if wrong else 0


sys.exit(main())
