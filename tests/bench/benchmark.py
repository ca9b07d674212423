"""The contenders take turns, measurement by measurement."""

import os
import subprocess
import sys
import typing

import contenders
import machine
from results import Results
from stage import Stage, Visit

# Without a proxy these are nobody's.
COSTS_OF_HALVES = ('cpu_s', 'cpu_us', 'memory_kib', 'memory_mib')


class Plan(typing.NamedTuple):
    rounds: int
    milliseconds: int
    # The same for the points of the growth's curves, which are many.
    growth_rounds: int
    growth_milliseconds: int


FULL = Plan(rounds=5, milliseconds=1500, growth_rounds=3,
            growth_milliseconds=1000)
QUICK = Plan(rounds=3, milliseconds=300, growth_rounds=1,
             growth_milliseconds=500)


class Benchmark:
    def __init__(self, accounting, generator, family, plan):
        self._accounting = accounting
        self._generator = [generator, '-w', str(_generator_threads())]
        self.family = family
        self.plan = plan
        self._stages = []
        self.results = Results()
        # How much of the processors others used before each measurement.
        self.shares_of_others = []

    def add(self, contender, congestion_control=None):
        """Raises AssertionError if the contender does not do its work."""
        stage = Stage(len(self._stages), contender, self.family,
                      self._accounting, self._generator)
        if congestion_control:
            stage.congestion_control = congestion_control
        stage.check_source()
        self._stages.append(stage)

    @property
    def contenders(self):
        return [stage.name for stage in self._stages]

    @property
    def congestion_control(self):
        return self._stages[0].congestion_control

    def run(self, measures):
        for measure in measures:
            print(measure.title, file=sys.stderr)
            self.shares_of_others.append(machine.busy_share())
            rounds = (self.plan.growth_rounds if measure.size
                      else self.plan.rounds)
            for number in range(rounds):
                for stage in self._in_turn(measure, number):
                    self.results.add(measure.name, stage.name, number + 1,
                                     self._take(measure, stage))

    def _in_turn(self, measure, number):
        """Another one is first in each round."""
        stages = [stage for stage in self._stages if not measure.is_floor or
                  stage.name == contenders.SRCPROXY]
        first = number % max(1, len(stages))
        return stages[first:] + stages[:first]

    def _take(self, measure, stage):
        # Thousands of connections take a while to get going: a millisecond
        # for each, or the start would be all that is measured.
        milliseconds = (self.plan.growth_milliseconds + measure.size
                        if measure.size else self.plan.milliseconds)
        try:
            with Visit(stage, is_bare=measure.is_floor) as visit:
                values = measure.take(visit, milliseconds)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            return {'error': f'{type(error).__name__}: {error}'}
        if not stage.contender.gate:
            for key in COSTS_OF_HALVES:
                values.pop(key, None)
        return values


def _generator_threads():
    """Of its client, and of its server: half of the processors at most, where
    there are four.
    """
    return max(1, os.cpu_count() // 4)
