"""Hosts that others set up, and what they do to users' connections.

Each test sets up a host, tries a user's connection, runs the printed fix in a
shell, and tries a user's connection again. The connections decide whether
doctor was right.
"""

import contextlib

from doctor_case import PATIENCE, ExitCase, GateCase
from families import IPV4

# Removes all that a test set up and all that the fixes added.
RESET = '''
nft flush ruleset
for tool in iptables-legacy ip6tables-legacy; do
    for table in raw mangle nat filter; do
        $tool -t $table -F && $tool -t $table -X
    done
done 2>/dev/null
for version in 4 6; do
    while ip -$version rule del pref 0 2>/dev/null; do :; done
    ip -$version rule flush
    ip -$version rule add pref 0 lookup local
    ip -$version rule add pref 32766 lookup main
    [ $version = 6 ] || ip rule add pref 32767 lookup default
done
:
'''

NFT = "nft -f - <<'END'\n{}\nEND\n"


def table(text, family='inet', name='others'):
    return NFT.format(f'table {family} {name} {{\n{text}\n}}')


def chain(hook, rules, policy='accept', priority='0', kind='filter'):
    """A chain for nft.

    Versions before 1.0.7 want braces on lines of their own.
    """
    rules = '\n'.join(rules.split('; '))
    return (f'chain {hook} {{\ntype {kind} hook {hook} priority {priority}; '
            f'policy {policy};\n{rules}\n}}\n')


class Hosts:
    """A mix-in for a case of either half; the case has carries(family)."""

    @contextlib.contextmanager
    def made(self, commands):
        """Runs the commands on the host, and undoes them at the end.

        IPv6 has rules of its own, so the commands leave it alone.
        """
        self.host.run('sh', '-ec', commands)
        try:
            yield
        finally:
            self.host.run('sh', '-c', RESET)
            self.apply_rules()

    def assert_found(self, commands, pattern, family=IPV4, **asked):
        """The connection fails, doctor finds why, and its fix mends it."""
        with self.made(commands):
            self.assert_blocked(family, **asked)
            findings = self.assert_wrong(pattern)
            for problem, _ in findings.of('problem',
                                          f'{family.users}|{pattern}'):
                self.assertIn(f'{problem}\n  fix: ', findings.text)
                self.apply_remedy(findings, '^' + _escaped(problem) + '$')
            self.assertTrue(self.carries(family, **asked),
                            f'it does not work after {findings.text}')
            self.assertEqual(self.examine().of('problem', family.users), [])

    def assert_sound(self, commands, family=IPV4, **asked):
        """The connection works, and doctor reports no problem."""
        with self.made(commands):
            self.assertTrue(self.carries(family, **asked), 'it fails')
            findings = self.doctor()
            self.assertEqual(findings.of('problem'), [])
            return findings


def _escaped(text):
    return ''.join(c if c.isalnum() else '\\' + c for c in text)


class HostsExitCase(Hosts, ExitCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.start_for_class(cls.host, 'server', cls.config)


class HostsGateCase(Hosts, GateCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.start_for_class(cls.host, 'client', cls.config)
