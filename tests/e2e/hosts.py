"""Hosts in network namespaces, and the network of four that the tests use."""

import collections
import contextlib
import ctypes
import errno
import os
import re
import shutil
import socket
import subprocess
import unittest

from families import BOTH, af_of
from waiting import TIMEOUT, wait_until

CLONE_NEWNET = 0x40000000
DISCARD_PORT = 9    # nothing listens there

# States as the kernel numbers them in /proc/net/tcp.
ESTABLISHED, SYN_SENT, FIN_WAIT1, TIME_WAIT = 1, 2, 4, 6
LAST_ACK, LISTEN, CLOSING = 9, 10, 11

# The number of that timer in the same file, and the unit of its time.
KEEPALIVE_TIMER = 2
KEEPALIVE_SECONDS = 30
TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')

TcpEntry = collections.namedtuple('TcpEntry',
                                  'local remote state timer seconds')

_libc = ctypes.CDLL(None, use_errno=True)


def _set_network(fd):
    # os.setns() came with Python 3.12.
    if _libc.setns(fd, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


# The messages of the shells of Debian and Alpine, and of bash.
_NOT_FOUND = re.compile(r'(?:^|: )([\w.-]+): (?:command )?not found$', re.M)


@contextlib.contextmanager
def needing(program):
    """Skips a test whose program this host does not have."""
    try:
        yield
    except FileNotFoundError as error:
        if error.filename != program or '/' in program:
            raise
        raise unittest.SkipTest(f'needs {program}') from error


def _skip_without(stderr):
    """Skips a test if a shell reports that a program is missing."""
    for program in _NOT_FOUND.findall(stderr):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f'needs {program}')


class Host:
    """A network namespace with a name for ip-netns(8)."""

    def __init__(self, name):
        self.name = name
        subprocess.run(['ip', 'netns', 'add', name], check=True)
        self._fd = os.open('/run/netns/' + name, os.O_RDONLY | os.O_CLOEXEC)
        # IPv6 addresses can be used at once, not after a second.
        self.sysctl('ipv6/conf/all/accept_dad', 0)
        self.sysctl('ipv6/conf/default/accept_dad', 0)
        self.ip('link set lo up')

    def destroy(self):
        os.close(self._fd)
        subprocess.run(['ip', 'netns', 'del', self.name], check=True)

    @contextlib.contextmanager
    def inside(self):
        """Sockets made inside by this thread stay in this host's network."""
        home = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        _set_network(self._fd)
        try:
            yield
        finally:
            _set_network(home)
            os.close(home)

    def sysctl(self, name, value):
        with self.inside(), open('/proc/sys/net/' + name, 'w') as file:
            file.write(str(value))

    def spawn(self, *command, **options):
        with self.inside(), needing(command[0]):
            return subprocess.Popen(command, **options)

    def run(self, *command, check=True, **options):
        """Returns a CompletedProcess with the output as text."""
        with self.inside(), needing(command[0]):
            result = subprocess.run(command, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True,
                                    **{'timeout': TIMEOUT, **options})
        if check and result.returncode:
            _skip_without(result.stderr)
            raise AssertionError(f'{self.name}: {" ".join(command)}: exit '
                                 f'{result.returncode}: {result.stderr}')
        return result

    def ip(self, *commands, family=None):
        """Runs commands of ip(8), all in one process."""
        options = [family.ip_option] if family else []
        self.run('ip', *options, '-batch', '-', input='\n'.join(commands))

    def socket(self, af):
        with self.inside():
            new = socket.socket(af, socket.SOCK_STREAM)
        # Accepted connections inherit this from the listener: the tests' own
        # ends never delay data.
        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return new

    def listen(self, address, port=0):
        """Port 0 means any free port; getsockname() tells which."""
        listener = self.socket(af_of(address))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
        return listener

    def connect(self, to, source=None):
        """to and source are pairs of address and port."""
        connection = self.socket(af_of(to[0]))
        try:
            if source:
                connection.setsockopt(socket.SOL_SOCKET,
                                      socket.SO_REUSEADDR, 1)
                connection.bind(source)
            connection.connect(to)
        except BaseException:
            connection.close()
            raise
        return connection

    def answers(self, address):
        """Tells whether packets come back: a closed port refuses."""
        with self.socket(af_of(address)) as probe:
            probe.settimeout(0.1)
            error = probe.connect_ex((address, DISCARD_PORT))
        return error == errno.ECONNREFUSED

    def tcp_entries(self, af):
        """All sockets of that family, as the kernel lists them."""
        name = 'tcp' if af == socket.AF_INET else 'tcp6'
        with self.inside(), open('/proc/thread-self/net/' + name) as file:
            return [_parse_tcp_entry(line) for line in file.readlines()[1:]]

    def tcp_counter(self, name):
        """The value of a TcpExt counter of netstat -s."""
        with self.inside(), open('/proc/thread-self/net/netstat') as file:
            names, values = (line.split() for line in file
                             if line.startswith('TcpExt:'))
        return int(values[names.index(name)])

    def tracked(self):
        """How many connections the firewall tracks."""
        path = '/proc/sys/net/netfilter/nf_conntrack_count'
        with self.inside(), open(path) as file:
            return int(file.read())

    def is_dialling(self, to):
        """Tells whether a connection to that address is being opened."""
        return any(entry.state == SYN_SENT and entry.remote == to
                   for entry in self.tcp_entries(af_of(to[0])))

    def wait_for_listener(self, port):
        wait_until(
            lambda: any(entry.state == LISTEN and entry.local[1] == port
                        for family in BOTH
                        for entry in self.tcp_entries(family.af)),
            f'a listener on port {port} of {self.name}')


def is_kept_alive(entry):
    """Tells whether keepalives come early enough for firewalls.

    Firewalls soon forget half-closed connections.
    """
    return (entry.timer == KEEPALIVE_TIMER and
            entry.seconds <= KEEPALIVE_SECONDS)


def _parse_tcp_entry(line):
    fields = line.split()
    timer, ticks = fields[5].split(':')
    return TcpEntry(_parse_tcp_address(fields[1]),
                    _parse_tcp_address(fields[2]), int(fields[3], 16),
                    int(timer, 16), int(ticks, 16) / TICKS_PER_SECOND)


def _parse_tcp_address(text):
    """The text has 32-bit words in the processor's byte order, and a port."""
    digits, port = text.split(':')
    words = [int(digits[i:i + 8], 16) for i in range(0, len(digits), 8)]
    raw = (ctypes.c_uint32 * len(words))(*words)
    af = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(af, bytes(raw)), int(port, 16)


def join(a, a_name, b, b_name):
    """Connects two hosts by a cable."""
    a.ip(f'link add {a_name} type veth peer name {b_name} netns {b.name}')
    # The interface that comes up second has a carrier at once, so nobody has
    # to wait for it.
    b.ip(f'link set {b_name} up')
    a.ip(f'link set {a_name} up')


class Network:
    """user, gate, exit and destination in a row, as in families.py.

    Without the proxy it routes: all hosts reach each other, over IPv4 and
    IPv6.
    """

    def __init__(self):
        self._hosts = []
        self.user = self._add('user')
        self.gate = self._add('gate')
        self.exit = self._add('exit')
        self.destination = self._add('destination')
        for router in (self.gate, self.exit):
            _forward(router)
        join(self.gate, 'users0', self.user, 'eth0')
        self._lay_link()
        join(self.exit, 'out0', self.destination, 'eth0')
        for family in BOTH:
            self._set_addresses(family)
        for family in BOTH:
            self._wait_for_links(family)

    def destroy(self):
        for host in self._hosts:
            host.destroy()
        self._hosts = []

    def _add(self, name):
        host = Host(name)
        self._hosts.append(host)
        return host

    def _lay_link(self):
        """Makes the link between gate and exit."""
        join(self.gate, 'link0', self.exit, 'link0')

    def _set_addresses(self, family):
        bits = family.length
        # The second addresses are used only by sockets that bind to them.
        second = 'preferred_lft 0'
        self.user.ip(f'addr add {family.user}/{bits} dev eth0',
                     f'addr add {family.second_user}/{bits} dev eth0 {second}',
                     f'route add default via {family.gate_users}')
        self.gate.ip(f'addr add {family.gate_users}/{bits} dev users0',
                     f'addr add {family.gate_link}/{bits} dev link0',
                     f'addr add {family.second_gate_link}/{bits} dev link0 '
                     + second,
                     f'route add default via {family.exit_link}')
        self.exit.ip(f'addr add {family.exit_link}/{bits} dev link0',
                     f'addr add {family.second_exit_link}/{bits} dev link0 '
                     + second,
                     f'addr add {family.exit_out}/{bits} dev out0',
                     f'route add {family.users} via {family.gate_link}',
                     f'route add unreachable {family.unreachable}')
        self.destination.ip(
            f'addr add {family.destination}/{bits} dev eth0',
            f'addr add {family.second_destination}/{bits} dev eth0 {second}',
            f'route add default via {family.exit_out}')

    def _wait_for_links(self, family):
        for host, address in ((self.user, family.gate_users),
                              (self.gate, family.exit_link),
                              (self.exit, family.destination)):
            wait_until(lambda: host.answers(address),
                       f'{address} answers {host.name}')


def _forward(host):
    host.sysctl('ipv4/ip_forward', 1)
    host.sysctl('ipv6/conf/all/forwarding', 1)
    # Strict mode is the worst case. Replies to users pass this check, because
    # they arrive on the link that leads to their source.
    host.sysctl('ipv4/conf/all/rp_filter', 1)
    host.sysctl('ipv4/conf/default/rp_filter', 1)
