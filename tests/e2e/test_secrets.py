"""The memory of a running half holds no secret, only digests."""

import contextlib
import re
import resource
import secrets
import struct

import rules
from cases import (CLIENT_CONFIG, SERVER, SERVER_CONFIG, SERVER_PORT,
                   NetworkCase, RoutedCase)
from families import IPV4, endpoint
from injection import Injection
from waiting import wait_until
from wire import auth_digest, derive_key

HOUR_S = 3600

# Finding a piece of this length is a failure.
PIECE_LEN = 8
PAGE_LEN = resource.getpagesize()


def read_range(memory, start, end):
    """The bytes of a mapping, without pages that nobody can read.

    Since 2.42 glibc guards a thread's stack by such pages in the middle of a
    writable mapping (MADV_GUARD_INSTALL). Most others are zeros, left out too.
    """
    pieces = []
    for address in range(start, end, PAGE_LEN):
        with contextlib.suppress(OSError):
            memory.seek(address)
            page = memory.read(PAGE_LEN)
            if page.strip(b'\0'):
                pieces.append(page)
    return b''.join(pieces)


def memory_of(pid):
    """All memory that the process may write to, joined."""
    pieces = []
    with open(f'/proc/{pid}/maps') as maps, \
            open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        for line in maps:
            start, end, mode = re.match(r'(\w+)-(\w+) (\S+)', line).groups()
            if 'w' in mode and '[vvar' not in line:
                pieces.append(read_range(memory, int(start, 16),
                                         int(end, 16)))
    return b''.join(pieces)


def turned(piece):
    """The piece as in the 32-bit words of SHA-256, which are big-endian."""
    return b''.join(piece[i:i + 4][::-1] for i in range(0, len(piece), 4))


def left_of(secret, pid):
    """The pieces of the secret that are still in memory."""
    memory = memory_of(pid)
    pieces = [secret[i:i + PIECE_LEN].encode()
              for i in range(0, len(secret) - PIECE_LEN + 1, 4)]
    return [piece for piece in pieces
            if piece in memory or turned(piece) in memory]


class Secrets(NetworkCase):
    """Searches each half's memory after its start, and after a reload."""

    def new_secret(self):
        return secrets.token_urlsafe(150)[:180]

    def server_config(self, secret, **others):
        users = [{'auth': secret, 'name': 'u0',
                  'allowed_src_ips': ['192.0.2.1']}]
        return {**SERVER_CONFIG, 'acl': users, **others}

    def client_config(self, secret, **others):
        return {**CLIENT_CONFIG, **others,
                'outbound': {**CLIENT_CONFIG['outbound'], 'auth': secret}}

    def check(self, host, role, make_config):
        secret, second, third = (self.new_secret() for _ in range(3))
        daemon = self.start(host, role, make_config(secret))
        # Make sure that the search finds text that is there.
        self.assertTrue(left_of(daemon.config_path, daemon.process.pid))
        self.assertEqual(left_of(secret, daemon.process.pid), [])
        daemon.reload(make_config(second))
        daemon.wait_for('reloaded')
        self.assertEqual(left_of(second, daemon.process.pid), [])
        # This configuration is refused after its secret has been read.
        daemon.reload(make_config(third, timeout='never'))
        daemon.wait_for('reload-failed')
        self.assertEqual(left_of(third, daemon.process.pid), [])

    def test_server_half_keeps_none(self):
        self.check(self.net.exit, 'server', self.server_config)

    def test_client_half_keeps_none(self):
        self.check(self.net.gate, 'client', self.client_config)

    def test_one_that_is_no_json5_behind_the_secret_is_wiped_too(self):
        secret = self.new_secret()
        daemon = self.start(self.net.exit, 'server', SERVER_CONFIG)
        daemon.reload(f'{{acl: [{{auth: "{secret}" ]')
        daemon.wait_for('reload-failed')
        self.assertEqual(left_of(secret, daemon.process.pid), [])


PRIMES = [n for n in range(2, 312) if all(n % i for i in range(2, n))]
WORD = 2 ** 32


def fractions(numbers, root):
    """The first 32 bits of the fractions of their roots."""
    return [int(n ** (1 / root) % 1 * WORD) for n in numbers]


def rotated(word, *counts):
    result = 0
    for n in counts:
        result ^= (word >> n | word << 32 - n) % WORD
    return result


def state_behind(block):
    """The state of SHA-256 behind its first block, as in memory: FIPS 180-4."""
    w = list(struct.unpack('>16I', block))
    for i in range(16, 64):
        x, y = w[i - 15], w[i - 2]
        w.append((w[i - 16] + w[i - 7] + (rotated(x, 7, 18) ^ x >> 3) +
                  (rotated(y, 17, 19) ^ y >> 10)) % WORD)
    start = fractions(PRIMES[:8], 2)
    a, b, c, d, e, f, g, h = start
    for word, constant in zip(w, fractions(PRIMES, 3)):
        first = (h + rotated(e, 6, 11, 25) + (e & f ^ ~e & g) + constant +
                 word)
        second = rotated(a, 2, 13, 22) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = ((first + second) % WORD, a, b, c,
                                  (d + first) % WORD, e, f, g)
    return struct.pack('=8I', *((x + y) % WORD for x, y in
                                zip(start, (a, b, c, d, e, f, g, h))))


def pieces(data):
    return [data[i:i + PIECE_LEN] for i in range(0, len(data), PIECE_LEN)]


def padded(key, pad):
    """The block before the message in the inner and the outer hash: RFC 2104."""
    return bytes(byte ^ pad for byte in key.ljust(64, b'\0'))


class Keys(RoutedCase):
    """A key of version 2 has one place, in the configuration.

    It is kept as the two states of an HMAC that has taken it in.
    """

    family = IPV4

    def copies(self, half, secret):
        """How often pieces of the key are found: of its states, of others."""
        memory = memory_of(half.process.pid)
        # HMAC takes the digest of a key that is longer than a block.
        above, key = auth_digest(secret), derive_key(secret)
        blocks = [[padded(each, pad) for pad in (0x36, 0x5c)]
                  for each in (above, key)]
        of_above, of_key = ([piece for block in pair
                             for piece in pieces(state_behind(block))]
                            for pair in blocks)
        others = pieces(key) + [
            piece for pair in blocks for block in pair
            for piece in pieces(block[:len(key)])]
        others += [turned(piece) for piece in others] + of_above
        return ({memory.count(piece) for piece in of_key},
                {memory.count(piece) for piece in others})

    def await_copies(self, half, secret, count):
        """A thread may have another one for a moment."""
        wait_until(lambda: self.copies(half, secret) == ({count}, {0}),
                   f'the {half.role} half has {count} of its key')

    def await_rest(self, client, server):
        client.await_rest(rules.REDIRECT_PORT)
        server.await_rest(SERVER_PORT)

    def test_neither_half_has_another_copy_of_its_key(self):
        first, second, third = (secrets.token_urlsafe(150) for _ in range(3))
        servers = [self.server_config({'acl': [{'auth': secret}]})
                   for secret in (first, second, third)]
        clients = [self.client_config({
            'protocol': 'auto',
            'outbound': {'server': endpoint(*SERVER), 'auth': secret}})
            for secret in (first, second, third)]
        injection = Injection()
        server = self.start(self.net.exit, 'server', servers[0])
        client = self.start(self.net.gate, 'client', clients[0],
                            **injection.options)
        client.wait_for('server-version', version='2')
        self.assert_proxies()
        # A user's connection begins a check.
        injection.let_pass(HOUR_S + 1)
        self.assert_proxies()
        self.await_rest(client, server)
        for half, configs in (server, servers), (client, clients):
            self.await_copies(half, first, 1)
            half.reload(configs[1])
            half.wait_for('reloaded')
            self.await_copies(half, first, 0)
            self.await_copies(half, second, 1)
            half.reload({**configs[2], 'timeout': 'never'})
            half.wait_for('reload-failed')
            self.await_copies(half, third, 0)
