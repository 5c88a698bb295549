"""The compiled passes on several threads: the same to the last bit, wherever they are called."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from skpc import EinetDensityEstimator
from skpc.circuit import native
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian
from skpc.circuit.native import threads
from skpc.circuit.passes import Cells
from skpc.circuit.training import collect

pytestmark = pytest.mark.skipif(
    not native.available(), reason="no compiler built the passes, or SKPC_NATIVE is 0"
)

# Eight segments, the most that there are.
N_ROWS = 1100


@contextmanager
def threads_of_torch(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def case(kit):
    """A circuit of all ways that a column is read, its numbers, and rows."""
    families = [Bernoulli(), Gaussian(1e-3), Categorical(3), Bernoulli()]
    circuit = kit.build(kit.star(4, 3), families, "cp", 5, 5)
    return circuit, kit.numbers(circuit), kit.table(families, N_ROWS, missing=0.2)


def answers(circuit, parameters, x, n_rows=N_ROWS):
    """All numbers of an E-step and of scores, in float32."""
    dtype = torch.float32
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    weights = torch.linspace(1, 2, n_rows, dtype=torch.float64)
    found = collect(circuit, typed, Cells(x[:n_rows]), weights, 0.7)
    scores = circuit.log_density(typed, Cells(x[:n_rows]), dtype)
    return [found.leaves, *found.sums, found.log_likelihood, found.objective, scores]


def assert_identical(mine, others):
    for a, b in zip(mine, others, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("n_rows", [16, 127, 255, 256, 257, 600, N_ROWS])
def test_the_number_of_threads_changes_no_bit(case, n_rows):
    assert case[0].program is not None
    with threads_of_torch(1):
        expected = answers(*case, n_rows)
    for n in (2, 3, 8):
        with threads_of_torch(n):
            assert_identical(answers(*case, n_rows), expected)


def table():
    random = np.random.RandomState(0)
    z = random.randint(0, 3, 900)
    X = np.column_stack([z, random.normal(3 * z, 1), z > 1, random.normal(size=900).round(1)])
    X = X.astype(float)
    X[random.uniform(size=X.shape) < 0.1] = np.nan
    return X


def fit():
    model = EinetDensityEstimator(
        components="trees", max_iter=4, batch_size=300, categorical_features=[0], random_state=0
    )
    return model.fit(table())


def test_the_number_of_threads_changes_no_bit_of_a_training():
    with threads_of_torch(1):
        expected = fit().score_samples(table())
    with threads_of_torch(2):
        np.testing.assert_array_equal(fit().score_samples(table()), expected)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_of_joblib_give_the_same(backend):
    model = fit()
    with threads_of_torch(2):
        expected = model.score_samples(table())
        found = Parallel(n_jobs=2, backend=backend)(
            delayed(model.score_samples)(table()) for _ in range(6)
        )
    for scores in found:
        np.testing.assert_array_equal(scores, expected)


def _send_scores(pipe, model):
    pipe.send(model.score_samples(table()))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a fork is unsafe by itself")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_threads_of_its_own(monkeypatch):
    # Torch's own threads do not survive a fork: it hangs in a fork of a process that used them.
    with threads_of_torch(1):
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
        model = fit()
        expected = model.score_samples(table())
        assert threads._pool()._threads
        context = multiprocessing.get_context("fork")
        mine, other = context.Pipe()
        process = context.Process(target=_send_scores, args=(other, model), daemon=True)
        process.start()
        assert mine.poll(60), "The forked process did not answer."
    np.testing.assert_array_equal(mine.recv(), expected)
    process.join()


def test_they_obey_threadpoolctl(monkeypatch):
    started = []
    submitted = threads._submitted
    monkeypatch.setattr(threads, "_submitted", lambda work: started.append(submitted(work)))
    done = []
    with threads_of_torch(3):
        threads.share(done.append, 8)
        assert len(started) == 2
        started.clear()
        with threadpool_limits(1):
            threads.share(done.append, 8)
        assert not started
    assert sorted(done) == sorted([*range(8)] * 2)


def test_where_no_thread_can_start_the_caller_does_all(monkeypatch):
    def refuse(*args):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(threads._pool(), "submit", refuse)
    done = []
    with threads_of_torch(4):
        threads.share(done.append, 5)
    assert done == [0, 1, 2, 3, 4]


def test_an_error_of_another_thread_is_raised():
    caught = []

    def work(i):
        if i == 1:
            caught.append(i)
            raise ZeroDivisionError

    with threads_of_torch(2), pytest.raises(ZeroDivisionError):
        threads.share(work, 2)
    assert caught == [1]
