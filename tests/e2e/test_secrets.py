"""The memory of a running half holds no secret, only digests."""

import contextlib
import re
import resource
import secrets

from cases import CLIENT_CONFIG, SERVER_CONFIG, NetworkCase

# Finding a piece of this length is a failure.
PIECE_LEN = 8
PAGE_LEN = resource.getpagesize()


def read_range(memory, start, end):
    """The bytes of a mapping, without pages that nobody can read.

    Since 2.42 glibc guards a thread's stack by such pages in the middle of a
    writable mapping (MADV_GUARD_INSTALL).
    """
    pieces = []
    for address in range(start, end, PAGE_LEN):
        with contextlib.suppress(OSError):
            memory.seek(address)
            pieces.append(memory.read(PAGE_LEN))
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
