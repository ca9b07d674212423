"""Each fix of `srcproxy doctor` has a test that runs it.

The source tells which problems have a fix; the table, which test makes such a
host, sees a user's connection fail, runs the printed fix, and sees one succeed.
"""

import importlib
import inspect
import pathlib
import re
import unittest

DOCTOR = pathlib.Path(__file__).resolve().parents[2] / 'src/doctor'

TESTS = {
    'a rule %s: ': (
        'test_doctor_gate.Gate.test_users_who_are_not_tracked',
        'test_doctor_hosts.HostsGate.test_zone_on_the_users_link'),
    'no firewall rule redirects connections of these users': (
        'test_doctor_gate.Gate.test_firewall_that_redirects_others',
        'test_doctor_gate.Gate.test_rule_in_front_of_the_redirection',
        'test_doctor_hosts_gate.HostsGate.'
        'test_rule_that_redirects_elsewhere_in_front',
        'test_doctor_hosts_gate.HostsGate.test_connections_of_the_gate_itself',
        'test_doctor_hosts_gate.HostsGate.'
        'test_rules_in_front_where_nft_is_not_installed'),
    "the firewall redirects this half's own connections": (
        'test_doctor_gate.Gate.test_own_connections_that_are_redirected',),
    'a reload would fail': (
        'test_doctor_gate.Gate.test_configuration_that_a_reload_cannot_read',),
    'congestion control: this user': (
        'test_leg.LegOfGate.test_congestion_control_that_is_forbidden',),
    'these users are on the bridge': (
        'test_doctor_tproxy.Bridge.test_bridge_that_runs_the_rules',),
    'no firewall rule gives connections of these users': (
        'test_doctor_tproxy.Tproxy.test_rules_that_are_missing',
        'test_doctor_tproxy.Tproxy.test_rule_in_front'),
    'a rule changes the destination of connections': (
        'test_doctor_tproxy.Tproxy.'
        'test_destination_that_another_rule_changes',),
    'src_valid_mark is 1, and the routing rule': (
        'test_doctor_tproxy.Tproxy.'
        'test_sources_that_are_looked_up_by_the_mark',),
    'net.ipv4.tcp_syncookies is 2': (
        'test_doctor_tproxy.Tproxy.test_forced_cookies',),
    'the firewall drops %s: ': (
        'test_doctor_hosts.HostsGate.test_port_that_is_closed',
        'test_doctor_hosts_gate.HostsGate.test_drops_on_the_way',
        'test_doctor_tproxy.Tproxy.test_input_that_is_filtered',
        'test_doctor_ufw.UfwGate.test_users_who_are_dropped',
        'test_doctor_hosts.HostsExit.test_port_that_is_closed',
        'test_doctor_hosts.HostsExit.test_port_that_is_closed_to_both_families',
        'test_doctor_hosts.HostsExit.test_drops_of_one_port',
        'test_doctor_ufw.UfwExit.test_port_that_is_closed',
        'test_doctor_firewalld.FirewalldExit.'
        'test_port_that_is_closed_and_masquerade',
        'test_doctor_firewalld.FirewalldPolicy.'
        'test_port_that_is_closed_and_masquerade'),
    'reply packets to these users do not leave by': (
        'test_doctor_replies.Redirect.test_marks_for_an_uplink',
        'test_doctor_replies.Redirect.test_rule_that_forbids_replies_of_ipv6'),
    'packets of these users, which have the mark': (
        'test_doctor_tproxy.Tproxy.test_routing_rule_that_is_missing',
        'test_doctor_tproxy.Tproxy.'
        'test_routing_rule_of_another_program_in_front',
        'test_doctor_hosts_gate.HostsGate.'
        'test_rule_that_is_in_front_of_this_hosts_addresses'),
    'packets of the user %s arrive on': (
        'test_doctor_replies.Redirect.test_users_on_another_link',),
    'do not leave this host with that source address': (
        'test_doctor_exit.Exit.test_firewall_that_drops_what_users_send',
        'test_doctor_hosts.HostsExit.test_drops_in_several_chains'),
    'reach no socket, not even those': (
        'test_doctor_exit.Exit.test_firewall_that_drops_replies',),
    'but do not reach the socket': (
        'test_doctor_exit.Exit.test_firewall_that_marks_others',
        'test_doctor_exit.Exit.test_firewall_with_a_check_of_sources',
        'test_doctor_exit.Exit.test_firewall_for_the_link_of_the_replies',
        'test_doctor_hosts.HostsExit.test_drops_in_any_hook'),
    'on another interface than the route to their sender': (
        'test_doctor_exit.Exit.test_network_that_delivers_by_another_link',),
    'which host has this address': (
        'test_doctor_hosts.UsersOnTheLink.test_this_host_answers_for_them',),
    'cannot connect from %s to %s': (
        'test_doctor_hosts.HostsExit.test_routing_rule_that_forbids_the_users',),
    'decides before': (
        'test_doctor_hosts.HostsExit.test_routing_rules_in_front_of_ours',
        'test_doctor_exit.Exit.test_rule_that_comes_too_late',
        'test_doctor_exit.Exit.test_rule_that_is_behind_another_one'),
    'no routing rule and local route are for them': (
        'test_doctor_exit.Exit.test_rules_that_were_never_applied',
        'test_doctor_exit.Exit.test_route_for_some_of_the_users'),
    'reply packets from or to some ports': (
        'test_doctor_hosts.HostsExit.test_routing_rules_in_front_of_ours',),
    'it lacks IP_TRANSPARENT': (
        'test_doctor_exit.Exit.test_user_without_capabilities',),
    'src_valid_mark is 1, and table': (
        'test_doctor_exit.Exit.'
        'test_table_that_takes_all_addresses_and_src_valid_mark',),
    'no firewall rule sets the mark': (
        'test_doctor_return_paths.ReturnPaths.test_recipes_that_lose_replies',
        'test_doctor_hosts.HostsExit.'
        'test_mark_that_nft_takes_away_from_iptables'),
    'a MASQUERADE or SNAT rule rewrites': (
        'test_doctor_exit.Exit.test_masquerade_of_other_tools',
        'test_doctor_exit.Exit.test_masquerade_of_iptables_legacy',
        'test_doctor_hosts.HostsExit.test_masquerade_in_a_zone',
        'test_doctor_hosts.HostsExit.'
        'test_prefix_that_is_mapped_to_another_one'),
}

# What these tests call to run a fix.
RUNS = re.compile(r'\.(apply_remedy|assert_found|assert_mend(s|ed)|'
                  r'assert_carries_after_mending|assert_permits)\(')

STRING = r'"(?:[^"\\]|\\.)*"'


def arguments(text):
    """Those of a call in C, from behind its parenthesis on."""
    found, depth, start = [], 0, 0
    for token in re.finditer(STRING + '|[(),]', text):
        depth += {'(': 1, ')': -1}.get(token[0], 0)
        if depth < 0 or (token[0] == ',' and depth == 0):
            found.append(text[start:token.start()].strip())
            start = token.end()
        if depth < 0:
            break
    return found


def calls(function):
    for path in sorted(DOCTOR.glob('*.c')):
        text = path.read_text()
        for call in re.finditer(rf'[\t !]{function}\(', text):
            yield arguments(text[call.end():])


def literal(words):
    return ''.join(string[1:-1] for string in re.findall(STRING, words))


def problems_with_a_fix():
    for _, fix, _, words, *_ in calls('finding_problem'):
        if fix != 'NULL':
            yield literal(words)


def dropped_packets():
    """The packets that doctor follows, in the words of its problem."""
    yield from filter(None, (literal(words) for _, _, _, words in
                             calls('trace_report')))


def source_of(name):
    """The source of a test; strings that are joined in Python are one."""
    module, case, test = name.split('.')
    found = getattr(getattr(importlib.import_module(module), case), test)
    return re.sub(r"""['"]\s+f?['"]""", '', inspect.getsource(found))


class Fixes(unittest.TestCase):

    def test_each_problem_with_a_fix_is_in_the_table(self):
        used = set()
        for problem in problems_with_a_fix():
            keys = [key for key in TESTS if key in problem]
            self.assertEqual(len(keys), 1, problem)
            used.update(keys)
        self.assertEqual(used, set(TESTS))

    def test_each_test_in_the_table_runs_a_fix(self):
        for name in (name for names in TESTS.values() for name in names):
            self.assertRegex(source_of(name), RUNS, name)

    def test_packets_of_each_kind_are_dropped_in_a_test(self):
        tested = ''.join(map(source_of, TESTS['the firewall drops %s: ']))
        kinds = set(dropped_packets())
        self.assertGreater(len(kinds), 1)
        for words in kinds:
            self.assertIn(words, tested)
