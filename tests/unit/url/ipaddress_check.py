"""Compares lib/url's addresses with Python's ipaddress: texts must be the same, and GLOBAL here must be is_global there.
The reverse differs where ipaddress (whose table depends on its version) calls more global; those blocks are listed
with the reason. usage: ipaddress_check.py URL_ORACLE"""
import ipaddress
import random
import subprocess
import sys

# Global for some version of ipaddress, refused here.
STRICTER = {
    "192.0.0.0/24": "protocol assignments; older tables have only two parts of it, newer ones except its anycasts",
    "192.31.196.0/24": "AS112 anycast", "192.175.48.0/24": "AS112 anycast", "192.52.193.0/24": "AMT anycast",
    "192.88.99.0/24": "6to4 relay anycast, deprecated",
    "224.0.0.0/4": "multicast: is_global says true for it", "ff00::/8": "multicast",
    "64:ff9b::/96": "NAT64: carries an unchecked IPv4 address", "64:ff9b:1::/48": "NAT64, missing in older tables",
    "::ffff:0:0/96": "mapped: newer versions judge the IPv4 address within",
    "2001::/23": "protocol assignments (ORCHID, AMT, AS112, entity tags): newer tables except these",
    "2002::/16": "6to4, missing in older tables", "2620:4f:8000::/48": "AS112 anycast",
    "3fff::/20": "documentation, missing in older tables", "5f00::/16": "SRv6, missing in older tables",
    "fec0::/10": "site-local, deprecated", "100:0:0:1::/64": "dummy prefix, missing in older tables",
    # Not allocated: ipaddress does not look at reserved space.
    "::/8": "reserved", "100::/8": "reserved", "200::/7": "reserved", "400::/6": "reserved", "800::/5": "reserved",
    "1000::/4": "reserved", "4000::/3": "reserved", "6000::/3": "reserved", "8000::/3": "reserved",
    "a000::/3": "reserved", "c000::/3": "reserved", "e000::/4": "reserved", "f000::/5": "reserved",
    "f800::/6": "reserved", "fe00::/9": "reserved",
}
BLOCKS = list(STRICTER) + [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.9/32",
    "192.0.0.10/32", "192.0.0.170/31", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "100::/64", "2001::/32",
    "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48",
    "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "fc00::/7", "fe80::/10", "2000::/3"]


def samples():
    rnd = random.Random(20251009)
    for text in BLOCKS:
        net = ipaddress.ip_network(text)
        kind, size = type(net.network_address), net.max_prefixlen
        first, last = int(net.network_address), int(net.broadcast_address)
        for n in {first, last, first - 1, last + 1, first + 1, last - 1} | {rnd.randint(first, last) for _ in range(30)}:
            if 0 <= n < 1 << size:
                yield kind(n)
    for _ in range(1500):
        yield ipaddress.IPv4Address(rnd.getrandbits(32))
        yield ipaddress.IPv6Address(rnd.getrandbits(125) | 1 << 125)
    for _ in range(500):  # runs of zero groups, for the texts
        groups = [rnd.choice([0, 0, rnd.getrandbits(16)]) for _ in range(8)]
        yield ipaddress.IPv6Address(":".join("%x" % g for g in groups))


def texts_of(a):
    if a.version == 4:
        return [str(a)]
    if a.ipv4_mapped:
        return [a.exploded]
    quad = ipaddress.IPv4Address(int(a) & 0xFFFFFFFF)
    return [str(a), a.exploded, a.exploded.upper(), a.exploded[:30] + str(quad)]


def main():
    asked = [(a, t) for a in samples() for t in texts_of(a)]
    lines = "".join("addr %s\n" % t for _, t in asked)
    out = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(out) == len(asked), "one answer an address"
    nets = [ipaddress.ip_network(n) for n in STRICTER]
    wrong = stricter = 0
    for (a, t), answer in zip(asked, out):
        verdict, text = (answer.split(" ") + [""])[:2]
        want = str(a) if a.version == 4 or not a.ipv4_mapped else "::ffff:" + str(a.ipv4_mapped)
        if text != want:
            print("%s: read as %s" % (t, answer))
            wrong += 1
        elif verdict == "global" and not a.is_global:
            print("%s: global here only: %s" % (a, answer))
            wrong += 1
        elif verdict != "global" and a.is_global:
            stricter += 1
            # ISATAP interface identifiers under any prefix are refused too; random samples hold none.
            if not any(a in n for n in nets):
                print("%s: not global here, unexplained: %s" % (a, answer))
                wrong += 1
    print("%d texts, %d stricter here, %d wrong" % (len(asked), stricter, wrong))
    return 1 if wrong else 0


sys.exit(main())
