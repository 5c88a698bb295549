"""What "auto" stands for: batches, passes, devices."""

import pytest
import torch

from skpc._device import choose_device
from skpc._fitting.settings import choose_batch_size, choose_max_iter


@pytest.mark.parametrize(
    ("batch_size", "n", "expected"),
    [
        ("auto", 1001, 64),
        ("auto", 20_000, 156),
        ("auto", 10**6, 512),
        (None, 5000, 5000),
        (64, 5000, 64),
        (64, 10, 10),
    ],
)
def test_batch_sizes(batch_size, n, expected):
    assert choose_batch_size(batch_size, n, True) == expected
    assert choose_batch_size(batch_size, n, False) == expected


@pytest.mark.parametrize(("n", "em", "adam"), [(10, 10, 10), (1000, 1000, 64)])
def test_batches_of_small_tables(n, em, adam):
    assert choose_batch_size("auto", n, True) == em
    assert choose_batch_size("auto", n, False) == adam


@pytest.mark.parametrize(
    ("max_iter", "n", "batch", "expected"),
    [
        ("auto", 500, 500, 100),
        ("auto", 20_000, 156, 39),
        ("auto", 10**6, 512, 5),
        ("auto", 1001, 1000, 50),
        (7, 10**6, 512, 7),
    ],
)
def test_passes(max_iter, n, batch, expected):
    assert choose_max_iter(max_iter, n, batch, True, False) == expected


@pytest.mark.parametrize(
    ("max_iter", "n", "batch", "expected"),
    [
        ("auto", 500, 500, 100),
        ("auto", 20_000, 156, 12),
        ("auto", 10**6, 512, 5),
        ("auto", 640, 64, 30),
        (7, 10**6, 512, 7),
    ],
)
def test_passes_over_learned_trees(max_iter, n, batch, expected):
    assert choose_max_iter(max_iter, n, batch, True, True) == expected


def test_passes_of_adam_make_five_thousand_steps_of_small_tables():
    assert choose_max_iter("auto", 1280, 128, False, True) == 500
    assert choose_max_iter("auto", 50, 50, False, False) == 500


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
