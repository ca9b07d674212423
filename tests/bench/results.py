"""All results, and their medians."""

import statistics
import typing


class Row(typing.NamedTuple):
    """One visit."""
    measure: str
    contender: str
    round: int
    values: dict    # or {'error': text}


class Results:
    """Numbers by the names of measure and contender, and a key."""

    def __init__(self):
        self.rows = []

    def add(self, *row):
        self.rows.append(Row(*row))

    def by_round(self, measure, contender, key):
        return {row.round: row.values[key] for row in self.rows
                if row.measure == measure and row.contender == contender
                and row.values.get(key) is not None}

    def median(self, measure, contender, key):
        """None if there is no number."""
        values = self.by_round(measure, contender, key).values()
        return statistics.median(values) if values else None

    def spread(self, measure, contender, key):
        """Half of the range of the values, as a part of the median. None for
        a single round.
        """
        values = self.by_round(measure, contender, key).values()
        if len(values) < 2 or not statistics.median(values):
            return None
        return (max(values) - min(values)) / 2 / statistics.median(values)

    def total(self, measure, contender, key):
        return sum(self.by_round(measure, contender, key).values())

    def ratio(self, measure, contender, other, key):
        """The median of the ratios of each round, in which they took turns."""
        ours = self.by_round(measure, contender, key)
        theirs = self.by_round(measure, other, key)
        ratios = [ours[number] / theirs[number] for number in ours
                  if theirs.get(number)]
        return statistics.median(ratios) if ratios else None

    def are_complete(self):
        return not any('error' in row.values for row in self.rows)

    def problems(self):
        """Returns errors and failed connections, a line each."""
        for row in self.rows:
            where = f'{row.contender}, {row.measure}, round {row.round}'
            if 'error' in row.values:
                yield f'{where}: {row.values["error"]}'
            elif row.values.get('failed'):
                yield (f'{where}: {row.values["failed"]} of '
                       f'{row.values["attempts"]} connections failed')
