"""The firewall rules and routes that srcproxy is documented to need."""

import contextlib

from families import BOTH

REDIRECT_PORT = 9001
TABLE = 30
MARK = '0x5'


def redirect_with_iptables(gate):
    for family in BOTH:
        gate.run(family.iptables, '-t', 'nat', '-A', 'PREROUTING',
                 '-s', family.users, '-p', 'tcp',
                 '-j', 'REDIRECT', '--to-port', str(REDIRECT_PORT))


def redirect_with_nft(gate):
    sources = [('ip6' if ':' in family.users else 'ip', family.users)
               for family in BOTH]
    rules = '\n'.join(
        f'{protocol} saddr {users} meta l4proto tcp '
        f'redirect to :{REDIRECT_PORT}' for protocol, users in sources)
    gate.run('nft', '-f', '-', input=f'''
        table inet srcproxy {{
            chain prerouting {{
                type nat hook prerouting priority dstnat
                {rules}
            }}
        }}''')


def forbid_direct(gate):
    """Nothing gets around the proxy, or the tests would prove nothing."""
    for family in BOTH:
        gate.run(family.iptables, '-A', 'FORWARD', '-s', family.users,
                 '-p', 'tcp', '--syn', '-j', 'REJECT',
                 '--reject-with', 'tcp-reset')


def deliver_prefix(exit_host):
    """All TCP to the users ends at the exit."""
    for family in BOTH:
        exit_host.ip(
            f'route add local {family.users} dev lo table {TABLE}',
            f'rule add to {family.users} ipproto 6 lookup {TABLE} '
            'pref 30000', family=family)


def deliver_marked(exit_host):
    """Only what belongs to a transparent socket of the exit does."""
    exit_host.run('nft', '-f', '-', input=f'''
        table inet srcproxy {{
            chain prerouting {{
                type filter hook prerouting priority mangle
                meta l4proto {{ tcp, icmp, icmpv6 }} \
                    socket transparent 1 meta mark set {MARK}
            }}
        }}''')
    for family in BOTH:
        exit_host.ip(
            f'route add local {family.users} dev lo table {TABLE}',
            f'rule add fwmark {MARK} lookup {TABLE} pref 30000',
            family=family)


def deliver_with_iptables(exit_host, mark, table, kind=''):
    """The rules of guides for other proxies, for all addresses.

    mark: of the rule, and what else the rule has: '0x1/0xf iif eth0'.
    kind: '-nft' or '-legacy', of iptables.
    """
    for family in BOTH:
        exit_host.run(family.iptables + kind, '-t', 'mangle', '-A',
                      'PREROUTING', '-p', 'tcp', '-m', 'socket',
                      '--transparent', '-j', 'MARK', '--set-mark',
                      mark.split()[0])
        exit_host.ip(f'route add local default dev lo table {table}',
                     f'rule add fwmark {mark} lookup {table}', family=family)


def withdraw(exit_host):
    """Removes the work of these three."""
    exit_host.run('sh', '-c', f'''
        nft delete table inet srcproxy
        for version in 4 6; do
            for table in {TABLE} 100 200; do
                ip -$version rule del table $table
                ip -$version route flush table $table
            done
        done
        for tool in iptables ip6tables iptables-legacy ip6tables-legacy; do
            $tool -t mangle -F PREROUTING
        done 2>/dev/null''', check=False)


def deliver_bound(exit_host):
    """The same for sockets that are not transparent, which IPv6 has too."""
    family = BOTH[1]
    exit_host.run('nft', '-f', '-', input=f'''
        table inet srcproxy {{
            chain prerouting {{
                type filter hook prerouting priority mangle
                ip6 daddr {family.users} socket wildcard 1 return
                ip6 daddr {family.users} meta l4proto {{ tcp, icmpv6 }} \
                    socket transparent <= 1 meta mark set {MARK}
            }}
        }}''')
    exit_host.ip(f'route add local {family.users} dev lo table {TABLE}',
                 f'rule add fwmark {MARK} lookup {TABLE} pref 30000',
                 family=family)


@contextlib.contextmanager
def black_hole(host, family, port):
    """While in it, packets to that port vanish."""
    rule = ['INPUT', '-p', 'tcp', '--dport', str(port), '-j', 'DROP']
    host.run(family.iptables, '-A', *rule)
    try:
        yield
    finally:
        host.run(family.iptables, '-D', *rule)
