"""Prints and writes the results."""

import json
import os
import textwrap

import machine
import plot
from contenders import NO_PROXY
from table import Table

# If others used a larger share of the processors, the numbers are spoilt.
QUIET_SHARE = 0.05

WIDTH = 100
NOTES = (
    'Medians of the rounds; ± is half of the way from the smallest to the '
    'largest of them. Ratios are medians of the ratios of each round, in '
    'which all took turns; "failed" is the sum of all rounds.',
    'Up is from the user to the destination. CPU is that of the processes of '
    'gate and exit with what the kernel did in their name. Nobody writes a '
    'log. "none" is the most that kernel and load generator can do here.',
    'haproxy has "option splice-auto", splicing is HAProxy with '
    '"splice-request" and "splice-response"; tproxy is srcproxy with the '
    'inbound.mode "tproxy".',
)


class Report:
    def __init__(self, benchmark, measures, facts):
        self._benchmark = benchmark
        self._measures = measures
        self._facts = {
            **facts,
            'machine': machine.describe(),
            'started': f'{machine.now():%F %H:%M} UTC',
        }

    def write(self, directory):
        """Writes files and standard output. Returns the paths that it made."""
        made = [] if os.path.isdir(directory) else [directory]
        os.makedirs(directory, exist_ok=True)
        table, raw, curves = (
            os.path.join(directory, name)
            for name in ('table.txt', 'results.json', 'growth.svg'))
        text = '\n'.join(self._lines()) + '\n'
        print(text, end='')
        with open(table, 'w') as file:
            file.write(text)
        with open(raw, 'w') as file:
            json.dump(self._everything(), file, indent=1)
        made += [table, raw]
        if plot.is_possible() and any(not measure.values
                                      for measure in self._measures):
            plot.draw(self._benchmark.results, self._benchmark.contenders,
                      curves)
            made.append(curves)
        return made

    def _everything(self):
        return {**self._facts,
                'shares_of_others': self._benchmark.shares_of_others,
                'rows': [row._asdict()
                         for row in self._benchmark.results.rows]}

    def _lines(self):
        problems = [f'PROBLEM: {problem}'
                    for problem in self._benchmark.results.problems()]
        yield from _wrapped(self._heading())
        yield ''
        yield from Table(self._benchmark.results, self._measures,
                         self._benchmark.contenders).lines()
        yield ''
        yield from _wrapped((*NOTES, *problems))

    def _heading(self):
        facts, plan = self._facts, self._benchmark.plan
        yield facts['versions']
        yield facts['machine']
        yield f'{facts["started"]}: {facts["command"]}'
        yield (f'rounds: {plan.rounds} of {plan.milliseconds} ms, memory and '
               f'growth {plan.growth_rounds} of {plan.growth_milliseconds} ms;'
               f' congestion control {self._benchmark.congestion_control}')
        yield facts['method']
        yield self._generator_use()
        yield self._quietness()

    def _generator_use(self):
        cores = [row.values.get('generator_cores') or 0
                 for row in self._benchmark.results.rows
                 if row.contender != NO_PROXY]
        return ('the load generator kept at most '
                f'{max(cores, default=0):.1f} processors busy beside a proxy')

    def _quietness(self):
        worst = max(self._benchmark.shares_of_others)
        text = f'other programs used at most {worst:.0%} of the processors'
        if worst > QUIET_SHARE:
            return f'THE MACHINE WAS NOT QUIET: {text}; repeat this later'
        return text


def _wrapped(paragraphs):
    for paragraph in paragraphs:
        yield from textwrap.wrap(paragraph, WIDTH, subsequent_indent='  ')
