"""The firewall rules and routes that srcproxy is documented to need."""

import contextlib
import subprocess

from daemons import write_config
from families import BOTH, IPV4, endpoint
from sandbox import BINARY

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


def tproxy_commands(*options, listen=f':{REDIRECT_PORT}', families=BOTH):
    """What srcproxy prints for the mode "tproxy"."""
    config = {'inbound': {'mode': 'tproxy', 'listen': listen,
                          'users': [family.users for family in families]},
              'outbound': {'server': endpoint(IPV4.exit_link, 21829)}}
    return subprocess.run(
        [BINARY, 'rules', *options, 'client', write_config(config)],
        check=True, stdout=subprocess.PIPE, text=True).stdout


def tproxy_with_nft(gate):
    gate.run('sh', input=tproxy_commands())


def tproxy_with_iptables(gate):
    gate.run('sh', input=tproxy_commands('--iptables'))


def forbid_direct(gate):
    """No user's TCP connection gets past the proxy.

    Without this the tests would prove nothing.
    """
    for family in BOTH:
        gate.run(family.iptables, '-A', 'FORWARD', '-s', family.users,
                 '-p', 'tcp', '--syn', '-j', 'REJECT',
                 '--reject-with', 'tcp-reset')


def deliver_prefix(exit_host):
    """Delivers all TCP packets to the users on the exit."""
    for family in BOTH:
        exit_host.ip(
            f'route add local {family.users} dev lo table {TABLE}',
            f'rule add to {family.users} ipproto 6 lookup {TABLE} '
            'pref 30000', family=family)


def deliver_marked(exit_host):
    """Delivers only the packets of transparent sockets on the exit."""
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
    """Applies the rules that guides for other proxies give, for all addresses.

    mark: the mark of the routing rule, with its other selectors if there are
    any: '0x1/0xf iif eth0'. kind: '-nft' or '-legacy', the variant of
    iptables.
    """
    for family in BOTH:
        exit_host.run(family.iptables + kind, '-t', 'mangle', '-A',
                      'PREROUTING', '-p', 'tcp', '-m', 'socket',
                      '--transparent', '-j', 'MARK', '--set-mark',
                      mark.split()[0])
        exit_host.ip(f'route add local default dev lo table {table}',
                     f'rule add fwmark {mark} lookup {table}', family=family)


def withdraw(exit_host):
    """Removes the rules and routes of the three functions above."""
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
    """Like deliver_marked(), but also for sockets that are not transparent.

    IPv6 can use these, too.
    """
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
def black_hole(host, family, port, address=None):
    """Drops all packets to that port inside the with block."""
    to = ['-d', address] if address else []
    rule = ['INPUT', *to, '-p', 'tcp', '--dport', str(port), '-j', 'DROP']
    host.run(family.iptables, '-A', *rule)
    try:
        yield
    finally:
        host.run(family.iptables, '-D', *rule)


@contextlib.contextmanager
def firewall(host, *chains):
    """Applies these chains of nft(8) inside the with block."""
    host.run('nft', '-f', '-', input='table inet weather {\n' +
             '\n'.join(chains) + '\n}\n')
    try:
        yield
    finally:
        host.run('nft', 'delete', 'table', 'inet', 'weather')


def dropping(host, what):
    """Drops these packets if they arrive by the link between the halves."""
    return firewall(host, f'''
        chain prerouting {{
            type filter hook prerouting priority -310
            iifname link0 {what} drop
        }}''')


def dropping_data(host, family):
    """Drops SYNs that have data, as some firewalls do.

    A SYN without data has 20 bytes of header and at most 40 of options.
    """
    length = 'ip6 length' if ':' in family.users else 'ip length'
    most = 60 if ':' in family.users else 80
    return dropping(host,
                    f'tcp flags & (syn | ack) == syn {length} > {most}')
