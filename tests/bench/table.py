"""The results as text, to be read in a hundred columns."""

from contenders import SRCPROXY
from catalogue import GROWTH, SIZES, growth_name

LABEL, CELL, RATIO = 29, 11, 9


class Table:
    def __init__(self, results, measures, contenders):
        """contenders: their names."""
        self._results = results
        self._measures = [measure for measure in measures if measure.values]
        self._contenders = contenders
        self._others = [name for name in contenders if name != SRCPROXY
                        and SRCPROXY in contenders]
        curves = [measure.size for measure in measures if not measure.values]
        self._sizes = [size for size in SIZES if size in curves]

    def lines(self):
        if self._measures:
            yield from self._heading()
        for measure in self._measures:
            for value in measure.values:
                yield self._line(measure, value)
        if self._sizes:
            yield from self._growth()

    def _heading(self):
        if self._others:
            yield (' ' * (LABEL + CELL * len(self._contenders)) +
                   f'{SRCPROXY + " to":>{len(self._others) * RATIO}}')
        yield (f'{"":{LABEL}}' +
               ''.join(f'{name[:CELL - 1]:>{CELL}}'
                       for name in self._contenders) +
               ''.join(f'{name[:RATIO - 1]:>{RATIO}}'
                       for name in self._others))

    def _line(self, measure, value):
        label = f'  {value.label}' if value.label else measure.title
        if value.unit:
            label += f', {value.unit}'
        cells = [self._cell(measure.name, name, value.key)
                 for name in self._contenders]
        ratios = [number(self._results.ratio(measure.name, SRCPROXY, name,
                                             value.key))
                  for name in self._others]
        return (f'{label:{LABEL}}' + ''.join(f'{cell:>{CELL}}'
                                             for cell in cells) +
                ''.join(f'{ratio:>{RATIO}}' for ratio in ratios)).rstrip()

    def _cell(self, measure, contender, key):
        median = self._results.median(measure, contender, key)
        if key == 'failed' and median is not None:
            # The sum of all rounds: a single failure is too many.
            return str(self._results.total(measure, contender, key))
        spread = self._results.spread(measure, contender, key)
        if spread is None:
            return number(median)
        return f'{number(median)}±{spread:.0%}'

    def _growth(self):
        yield ''
        yield (f'{"connections open at a time":{LABEL}}' +
               ''.join(f'{size:>{CELL},}' for size in self._sizes))
        for curve in GROWTH:
            yield curve.title
            for name in self._contenders:
                cells = [number(self._results.median(
                             growth_name(size, curve.kind), name, curve.key))
                         for size in self._sizes]
                if any(cell != NOTHING for cell in cells):
                    yield (f'{"  " + name:{LABEL}}' +
                           ''.join(f'{cell:>{CELL}}' for cell in cells))


NOTHING = '-'


def number(value):
    """Three digits, or one more."""
    if value is None:
        return NOTHING
    if value >= 9_995:
        return f'{value / 1000:.{0 if value >= 99_950 else 1}f}k'
    if value >= 99.95:
        return f'{value:.0f}'
    return f'{value:.{1 if value >= 9.995 else 2}f}'
