"""When the training of a latent mixture stops, and what is kept of it.

Axes: n held-out rows.
"""

import numpy as np
import pytest
import torch

from skpc.circuit.components import ComponentTask
from skpc.circuit.components.latent_watch import CHECKS, Watch
from skpc.circuit.passes import Cells
from skpc.circuit.training import Rows

ROWS = Rows(Cells(torch.zeros((200, 1), dtype=torch.float64)), torch.full((200,), 1e-3).double())
FIRST = torch.arange(200) < 100
EVERY = 4
PASSES = EVERY * CHECKS


def scores(level):
    """Log densities of rows of which the network describes half, better at a higher level."""
    return torch.where(FIRST, level, -50.0).double()


def watched(levels, least_weight=0.02, others=()):
    """The watch after a training whose state has a level at each check, and its passes."""
    trees = torch.full((200,), -3.0).double()
    task = ComponentTask(
        [], 1e-3, list, ROWS, ROWS, [trees], torch.float64, np.random.RandomState(0), print
    )
    watch = Watch(task, others, scores, PASSES, least_weight)
    for passes in range(1, PASSES + 1):
        if watch.stops(passes, levels[min((passes - 1) // EVERY, len(levels) - 1)]):
            break
    return watch, passes


def test_training_runs_to_its_end_while_the_gain_rises():
    watch, passes = watched([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5])
    assert (passes, watch.best.passes, watch.best.state) == (PASSES, PASSES, 0.5)
    assert torch.equal(watch.best.scores, scores(0.5))


@pytest.mark.parametrize(
    ("levels", "stopped", "kept"),
    [([-1.0, 0.0, -0.1, -0.2, 5.0, 5.0], 4, 2), ([-1.0, 0.0, -0.1, 1.0, 0.9, 0.8], 6, 4)],
)
def test_it_stops_after_two_checks_without_a_rise_and_keeps_the_best(levels, stopped, kept):
    watch, passes = watched(levels)
    assert (passes, watch.best.passes) == (stopped * EVERY, kept * EVERY)
    assert watch.best.state == levels[kept - 1]


@pytest.mark.parametrize(("least_weight", "stopped"), [(0.02, CHECKS // 2), (0.0, CHECKS)])
def test_it_stops_half_way_without_enough_weight(least_weight, stopped):
    rising = [-9.0, -8.9, -8.8, -8.7, -8.6, -8.5]
    watch, passes = watched(rising, least_weight)
    assert passes == stopped * EVERY
    assert watch.best.weight < 0.02


def test_its_gain_is_that_over_the_networks_before_it():
    alone, _ = watched([0.0])
    again, _ = watched([0.0], others=[scores(0.0)])
    assert again.best.weight == pytest.approx(alone.best.weight / 2, abs=0.01)
    assert again.best.mixed == pytest.approx(alone.best.mixed, abs=0.01)
