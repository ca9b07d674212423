"""doctor on gates whose replies to users, or whose users, take another link."""

import contextlib
import re
import threading

from doctor_case import CLIENT_WITH_AUTH, PATIENCE
from doctor_hosts import HostsGateCase
from families import IPV4, IPV6
from hosts import join
from rules import REDIRECT_PORT
from waiting import wait_until

# The table of an uplink has a default route only.
UPLINK = 'ip route flush table 100 2>/dev/null || :\n' \
    f'ip route replace default via {IPV4.exit_link} table 100\n'
MARKED = ('iptables -t mangle -A PREROUTING -i users0 -j MARK --set-xmark '
          '0x100/0x3f00\nip rule add fwmark 0x100/0x3f00 table 100 pref 2001\n')
RESTORED = ('iptables -t mangle -A PREROUTING -j CONNMARK --save-mark\n'
            'iptables -t mangle -A OUTPUT -j CONNMARK --restore-mark\n')
LINK = ('198.18.7.1', '198.18.7.2')
VLAN = 'users1.7'  # the usual name of a VLAN's interface


class Replies:

    pattern = (f'{IPV4.users}: reply packets to these users do not leave by '
               'users0, on which their packets arrive: the routing rule ')

    def test_marks_for_an_uplink(self):
        self.assert_found(UPLINK + MARKED + RESTORED,
                          self.pattern + '"pref 2001 fwmark 0x100/0x3f00 ')

    def test_sources_that_are_looked_up_by_another_mark(self):
        with self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
            self.assert_found(UPLINK + MARKED, self.pattern + '"pref 2001 ')

    def test_rule_that_loses_packets_to_users(self):
        self.assert_found(f'ip rule add to {IPV4.users} blackhole pref 50',
                          self.pattern + '"pref 50 ')

    @contextlib.contextmanager
    def second_link(self, *, is_known):
        """Users' packets come by another link than replies go by.

        The user knows the gate's Ethernet address, or asks for it; the gate
        does not answer that question either.
        """
        user = self.net.user
        join(self.host, VLAN, user, 'eth1')
        self.host.ip(f'addr add {LINK[0]}/24 dev {VLAN}')
        link = self.host.run('ip', '-o', 'link', 'show', VLAN).stdout
        address = re.search(r'link/ether (\S+)', link)[1]
        known = [f'neigh replace {LINK[0]} lladdr {address} dev eth1 nud '
                 'permanent'] if is_known else []
        user.ip(f'addr add {LINK[1]}/24 dev eth1', *known,
                f'route replace default via {LINK[0]} src {IPV4.user}')
        try:
            yield
        finally:
            self.host.ip(f'link del {VLAN}')
            user.ip(f'route add default via {IPV4.gate_users}')

    @contextlib.contextmanager
    def user_who_tries(self):
        """A user who opens connections all the time."""
        end = threading.Event()

        def try_on():
            while not end.is_set():
                with self.net.user.socket(IPV4.af) as user:
                    user.setblocking(False)
                    user.connect_ex((IPV4.destination, 80))
                    end.wait(0.1)

        thread = threading.Thread(target=try_on)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def test_users_on_another_link(self):
        pattern = (f'packets of the user {IPV4.user} arrive on {VLAN}, but the '
                   'route to this user leads to users0: rp_filter is 1')
        for is_known in (True, False):
            with self.subTest(is_known=is_known), \
                    self.second_link(is_known=is_known):
                self.assert_blocked(IPV4)
                with self.user_who_tries():
                    findings = self.assert_wrong(pattern)
                self.apply_remedy(findings, pattern)
                wait_until(lambda: self.carries(IPV4, patience=PATIENCE),
                           "a user's connection")
                self.assertEqual(self.examine().of('problem'), [])

    def test_users_on_another_link_who_do_not_try_now(self):
        with self.second_link(is_known=True):
            self.assert_blocked(IPV4)
            findings = self.doctor()
            (text, _), = (
                findings.of('note', rf'rp_filter is 1 \(strict\) on {VLAN}, '
                            'and has dropped')
                or findings.of('problem', 'rp_filter'))
            self.host.run('sh', '-ec', text.split('their packets: ')[1]
                          if ': sysctl' in text
                          else findings.of('problem')[0][1])
            self.assertTrue(self.carries(IPV4))


class Redirect(Replies, HostsGateCase):

    def test_rule_for_replies_from_the_gates_address(self):
        """netplan and systemd-networkd make such rules for each uplink."""
        self.assert_found(
            UPLINK + f'ip rule add from {IPV4.gate_users} table 100 pref 100',
            self.pattern + f'"pref 100 from {IPV4.gate_users}/32 lookup 100"')

    def test_rule_that_forbids_replies_of_ipv6(self):
        self.assert_found(
            f'ip -6 rule add from {IPV6.gate_users} prohibit pref 50',
            self.pattern.replace(IPV4.users, IPV6.users) + '"pref 50 ', IPV6)

    def test_rule_that_forbids_replies(self):
        self.assert_found(f'ip rule add from {IPV4.users} prohibit pref 50',
                          self.pattern + '"pref 50 ')

    def test_another_table_that_leads_to_the_users(self):
        self.assert_sound(
            UPLINK + f'ip route replace {IPV4.users} dev users0 table 100\n'
            f'ip rule add from {IPV4.gate_users} table 100 pref 100')


class Tproxy(Replies, HostsGateCase):

    config = {**CLIENT_WITH_AUTH, 'inbound': {
        'mode': 'tproxy', 'listen': f':{REDIRECT_PORT}'}}

    def test_port_that_few_rules_name(self):
        """Users need more than the port of the web."""
        self.assert_found(
            'iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n'
            'iptables -A INPUT -i users0 -p tcp --dport 443 -j ACCEPT\n'
            'iptables -A INPUT -i users0 -p tcp -j DROP\n',
            f'{IPV4.users}: the firewall drops packets of these users')
