"""The contenders take turns, measurement by measurement."""

import os
import subprocess
import sys
import typing

import contenders
import machine
from results import Results
from stage import Stage, Visit

# Without a proxy these belong to no process.
COSTS_OF_HALVES = ('cpu_s', 'cpu_us', 'memory_kib', 'memory_mib')


class Plan(typing.NamedTuple):
    rounds: int
    milliseconds: int
    # Shorter for the many points of the growth curves.
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
        # The share of the processors that others used before each measurement.
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
        """Returns the stages in turn order: each round begins with another."""
        stages = [stage for stage in self._stages
                  if stage.name == contenders.SRCPROXY or
                  not (measure.is_floor or measure.is_own)]
        first = number % max(1, len(stages))
        return stages[first:] + stages[:first]

    def _take(self, measure, stage):
        # Thousands of connections take a while to start: allow a millisecond
        # for each, otherwise only the start would be measured.
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
    """Threads of its client, and of its server: with four processors or more,
    both use half of them at most.
    """
    return max(1, os.cpu_count() // 4)
