#!/usr/bin/env python3
"""dial_hosts PROGRAM DIAL CORPUS: every host of the corpus of URLs, as it is written and as browsers read it, with the ways of writing
an address of this machine that readers disagree on, one a line in hexadecimal, to PROGRAM, which asks the real dial for each."""
import json
import os
import re
import subprocess
import sys
import tempfile

program, dial, corpus = sys.argv[1:4]
if not os.path.exists(corpus):
    print('skipped: no corpus of URLs here')
    sys.exit(77)
hosts = set()
for row in json.load(open(corpus, encoding='utf-8')):
    if not isinstance(row, dict):
        continue
    hosts.add(row.get('hostname', ''))
    hosts.add(row.get('host', ''))
    for text in (row['input'], row.get('base') or ''):
        rest = re.sub(r'^\s*[A-Za-z][A-Za-z0-9+.-]*:[/\\]*', '', text)
        hosts.add(rest)
        hosts.add(re.split(r'[/?#\\]', rest)[0])
        hosts.add(re.split(r'[/?#\\]', rest)[0].split('@')[-1])
        hosts.add(re.split(r'[/?#\\:]', rest)[0])
for address in ('127.0.0.1', '169.254.169.254', '10.0.0.1', '192.168.1.1', '0.0.0.0', '100.100.100.200'):
    a, b, c, d = (int(x) for x in address.split('.'))
    n = a << 24 | b << 16 | c << 8 | d
    hi, lo = n >> 16, n & 0xffff
    hosts.update([address, address + '.', str(n), hex(n), '0' + oct(n)[2:], f'{a}.{b << 16 | c << 8 | d}', f'{a}.{b}.{c << 8 | d}', f'0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}',
                  f'0{a:o}.0{b:o}.0{c:o}.0{d:o}', f'{a:03d}.{b:03d}.{c:03d}.{d:03d}', f'{a}.{b}.0x{c:x}.0{d:o}', f'{n + (1 << 32)}', f'::{address}', f'::ffff:{address}', f'::ffff:0:{address}',
                  f'::{hi:x}:{lo:x}', f'::ffff:{hi:x}:{lo:x}', f'64:ff9b::{hi:x}:{lo:x}', f'64:ff9b:1::{hi:x}:{lo:x}', f'2002:{hi:x}:{lo:x}::1', f'2001:0:1:2:3:4:{hi ^ 0xffff:x}:{lo ^ 0xffff:x}',
                  f'2001:4860::5efe:{hi:x}:{lo:x}', f'[::ffff:{address}]', f'{address}%00', f'{address}\x00.example', f'example.com@{address}', f'{address}:80', f'{address}\t', f' {address}',
                  address.replace('.', '\u3002'), address.replace('1', '\u2460'), address.replace('1', '\uff11'), f'{address}.nip.io', f'::{address}%lo'])
hosts.update(['localhost', 'LOCALHOST', 'localhost.', 'foo.localhost', 'ip6-localhost', '::1', '::', '0:0:0:0:0:0:0:1', 'fe80::1%lo', 'fd00::1', 'ff02::1', '93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])
lines = b''.join(host.encode('utf-8', 'surrogatepass').hex().encode() + b'\n' for host in sorted(hosts))
own = ['unshare', '-n', '-m']
if subprocess.run([*own, 'true'], check=False, stderr=subprocess.DEVNULL).returncode != 0:
    print('skipped: no network namespace of its own to be had here')
    sys.exit(77)
with tempfile.NamedTemporaryFile('w', suffix='.conf') as conf:
    conf.write('hosts: files\n')
    conf.flush()
    os.chmod(conf.name, 0o644)
    script = ('mount --bind "$3" /etc/nsswitch.conf && ip link set lo up && ip route add local 0.0.0.0/0 dev lo && '
              '{ ip -6 route add local ::/0 dev lo || true; } && exec "$1" "$2"')
    sys.exit(subprocess.run([*own, 'sh', '-c', script, 'sh', program, dial, conf.name], input=lines, check=False).returncode)
