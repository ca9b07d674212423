"""The hosts that srcproxy doctor looks at, and what it finds there."""

import contextlib
import os
import re

import rules
from cases import CLIENT_CONFIG, SERVER, SERVER_CONFIG, NetworkCase, fresh_port
from daemons import write_config
from families import BOTH, IPV4, endpoint
from peers import receive
from sandbox import BINARY
from test_command import srcproxy
from waiting import TIMEOUT
from wire import auth_digest, encode_request

PREFIXES = [family.users for family in BOTH]
SERVER_WITH_ACL = {**SERVER_CONFIG, 'acl': [
    {'name': 'alice', 'auth': 'secret', 'allowed_src_ips': PREFIXES}]}
CLIENT_WITH_AUTH = {**CLIENT_CONFIG, 'outbound': {
    'server': endpoint(*SERVER), 'auth': 'secret'}}
ONLY_IPV4 = {'acl': [{'allowed_src_ips': [IPV4.users]}]}
MARK = 0x7
USER = '65534:65534'

# Links are quick here, so a packet that has not come by then is lost. What is
# to arrive has the time that all tests have, as a busy machine may need it.
PATIENCE = 0.7

# All but the notes about congestion control: namespaces share that with this
# host.
OF_THIS_HOST = '^(?!congestion control)'

LINE = re.compile(
    r'(ok|note|problem): (.*)(?:\n  (?:fix|advice): (.*))?')


class Findings:
    """The output of doctor: triples of kind, text and remedy."""

    def __init__(self, result):
        self.status = result.returncode
        self.text = result.stdout + result.stderr
        self.found = [match.groups() for match in LINE.finditer(result.stdout)]
        lines = sum(2 if remedy else 1 for _, _, remedy in self.found)
        if result.stderr or lines != len(result.stdout.splitlines()):
            raise AssertionError(f'these are no findings: {self.text}')

    def of(self, kind, pattern=''):
        """Leaves out warnings of an open configuration: see test_open.py."""
        return [(text, remedy) for found, text, remedy in self.found
                if found == kind and re.search(pattern, text)
                and ': warning: ' not in text]


class DoctorCase(NetworkCase):

    host = role = config = None
    prefixes = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # README.md recommends this value.
        cls.net.exit.sysctl('ipv4/tcp_fastopen', 3)

    def doctor(self, config=None, wrapper=(), prefixes=None, user=None,
               mode=0o644):
        self.path = write_config({**self.config, **(config or {})})
        os.chmod(self.path, mode)
        return self.examine(wrapper, prefixes, user)

    def examine(self, wrapper=(), prefixes=None, user=None):
        """Runs doctor with the configuration that was written last."""
        return Findings(self.host.run(
            *wrapper, BINARY, 'doctor', *(['-u', user] if user else []),
            self.role, self.path,
            *(self.prefixes if prefixes is None else prefixes), check=False))

    def assert_fine(self, *expected, **options):
        """doctor finds no problem, and reports each pattern as fine."""
        findings = self.doctor(**options)
        self.assertEqual((findings.of('problem'), findings.status), ([], 0))
        for pattern in expected:
            self.assertTrue(findings.of('ok', pattern),
                            f'no {pattern} in\n{findings.text}')
        return findings

    def assert_wrong(self, pattern, remedy='.', **options):
        """doctor finds a problem that matches the pattern."""
        findings = self.doctor(**options)
        found = findings.of('problem', pattern)
        self.assertTrue(found, f'no {pattern} in\n{findings.text}')
        self.assertRegex(found[0][1], remedy)
        self.assertEqual(findings.status, 1)
        return findings

    def apply_remedy(self, findings, pattern):
        """Runs it as it is printed; srcproxy is the one that is tested.

        A reboot follows for settings of sysctl: they are as before, and then
        as in the file that doctor keeps them in.
        """
        remedy = findings.of('problem', pattern)[0][1]
        before, keep, after = ':', ':', ':'
        names = ' '.join(re.findall('sysctl -w ([^=]+)', remedy))
        if names:
            before = f'before=$(sysctl {names})'
            keep = self.keeping(findings)
            after = 'echo "$before" | sysctl -qp -; sysctl -qp $kept'
        return self.host.run(
            'sh', '-ec', f'srcproxy() {{ {BINARY} "$@"; }}\n'
            f'kept=$(mktemp); {before}\n{remedy}\n{keep}\n{after}; rm $kept')

    def keeping(self, findings):
        """The command that keeps the settings; a file stands for its own."""
        (text, _), = findings.of('note', 'may be lost at reboot')
        return text.split('once they are set: ')[1].replace(
            '/etc/sysctl.d/srcproxy.conf', '$kept')

    def assert_note(self, pattern, **options):
        findings = self.doctor(**options)
        self.assertTrue(findings.of('note', pattern),
                        f'no {pattern} in\n{findings.text}')
        self.assertEqual(findings.status, 0)

    @classmethod
    def apply_rules(cls, *options):
        printed = srcproxy('rules', *options, cls.role,
                           write_config(cls.config), *cls.prefixes)
        cls.host.run('sh', input=printed.stdout)

    @contextlib.contextmanager
    def other_rules(self, *options):
        self.apply_rules('--remove')
        self.apply_rules(*options)
        try:
            yield
        finally:
            self.apply_rules('--remove', *options)
            self.apply_rules()

    @contextlib.contextmanager
    def broken(self, command, mend, host=None):
        host = host or self.host
        host.run('sh', '-ec', command)
        try:
            yield
        finally:
            host.run('sh', '-ec', mend)

    @contextlib.contextmanager
    def sysctl(self, name, value, before):
        self.host.sysctl(name, value)
        try:
            yield
        finally:
            self.host.sysctl(name, before)

    def assert_blocked(self, family, **asked):
        """No user's connection works; the case has carries()."""
        self.assertFalse(self.carries(family, patience=PATIENCE, **asked),
                         'it works')

    @contextlib.contextmanager
    def no_rules(self):
        self.apply_rules('--remove')
        try:
            yield
        finally:
            self.apply_rules()


class ExitCase(DoctorCase):
    """The destination is also the router of the exit's default route."""

    role, config = 'server', SERVER_WITH_ACL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.exit
        for family in BOTH:
            cls.host.ip(f'route add default via {family.destination}',
                        family=family)
        cls.apply_rules()

    def carries(self, family, port=0, user=None, patience=TIMEOUT):
        """Tells if a user's connection arrives with the user's address."""
        return self.source(family, port, user, patience) == (
            user or family.user)

    def source(self, family, port=0, user=None, patience=TIMEOUT):
        """The source that the destination sees.

        None means that no connection arrived.
        """
        listener = self.listen(self.net.destination, family.destination, port)
        listener.settimeout(patience)
        gate = self.connect(self.net.gate, SERVER)
        source = user or family.user, fresh_port()
        auth = self.config['acl'][0].get('auth', '')
        gate.sendall(encode_request(source, listener.getsockname()[:2],
                                    auth_digest(auth)))
        try:
            destination = self.accept_from(source, listener)
        except TimeoutError:
            return None
        finally:
            listener.close()
        destination.sendall(b'hello')
        self.assertEqual(receive(gate, 5), b'hello')
        return destination.getpeername()[0]

    def accept_from(self, source, listener):
        """Leaves out the user's earlier attempts, which TCP repeats."""
        while True:
            destination = self.keep(listener.accept()[0])
            peer = destination.getpeername()[:2]
            if peer == source or peer[0] != source[0]:
                return destination

    @contextlib.contextmanager
    def served(self, config=None, **options):
        """The server half runs."""
        server = self.start(self.host, 'server',
                            {**self.config, **(config or {})}, **options)
        yield
        server.finish()

    def assert_mends(self, pattern, command, mend, family=IPV4, **asked):
        """A user's connection fails before the remedy, and works after it."""
        with self.served(), self.broken(command, mend):
            self.assert_blocked(family, **asked)
            findings = self.assert_wrong(pattern)
            self.apply_remedy(findings, pattern)
            self.assertTrue(self.carries(family, **asked), findings.text)
            self.assertEqual(self.examine().of('problem'), [])


class GateCase(DoctorCase):
    """The server half runs, and its log shows the requests it got."""

    role, config, prefixes = 'client', CLIENT_WITH_AUTH, PREFIXES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.gate
        cls.apply_rules()
        path = write_config(SERVER_WITH_ACL)
        printed = srcproxy('rules', 'server', path)
        cls.net.exit.run('sh', input=printed.stdout)
        cls.server = cls.start_for_class(cls.net.exit, 'server',
                                         SERVER_WITH_ACL)

    def outbound(self, **values):
        return {'outbound': {**CLIENT_WITH_AUTH['outbound'], **values}}

    def assert_arrives(self, listener):
        """A user's connection arrives with the user's own address."""
        user = self.connect(self.net.user, listener.getsockname()[:2])
        self.assertEqual(self.accept(listener).getpeername()[:2],
                         user.getsockname()[:2])

    def carries(self, family, host=None, source=None, patience=TIMEOUT):
        """Tells if a user's connection goes through a socket of the exit."""
        listener = self.listen(self.net.destination, family.destination)
        to = listener.getsockname()[:2]
        listener.settimeout(patience)
        with (host or self.net.user).socket(family.af) as user:
            user.settimeout(patience)
            try:
                if source:
                    user.bind((source, 0))
                user.connect(to)
                # With TCP Fast Open, a request may arrive without an answer.
                self.keep(listener.accept()[0]).sendall(b'!')
                if user.recv(1) != b'!':
                    return False
            except OSError:
                return False
            return any(entry.remote == to
                       for entry in self.net.exit.tcp_entries(family.af))

    def assert_carries(self, family):
        """A user's connection goes through the client half.

        The server half's log shows it.
        """
        self.server.mark()
        listener = self.listen(self.net.destination, family.destination)
        self.assert_arrives(listener)
        self.server.wait_for('established', destination=endpoint(
            *listener.getsockname()[:2]))

    def assert_mends(self, pattern, command, mend, family=IPV4):
        """A connection fails before the remedy, and works after it."""
        with self.broken(command, mend):
            self.assert_blocked(family)
            findings = self.assert_wrong(pattern)
            self.apply_remedy(findings, pattern)
            self.assertTrue(self.carries(family), findings.text)
            self.assertEqual(self.examine().of('problem'), [])

    def assert_carries_after_mending(self, family, pattern, command, mend):
        """A connection fails, doctor finds only that, its remedy mends it."""
        with self.broken(command, mend):
            self.assert_blocked(family)
            findings = self.assert_wrong(pattern)
            self.assertEqual(findings.of('problem'),
                             findings.of('problem', pattern))
            for text, _ in findings.of('problem', pattern):
                self.apply_remedy(findings, re.escape(text))
            self.assertEqual(self.examine().of('problem'), [])
            self.assertTrue(self.carries(family), findings.text)
