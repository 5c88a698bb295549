"""skpc.dask against the local estimators: the same models from blocks, whatever the workers do."""

import pickle
import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import SplineTransformer

import skpc
from skpc.dask import DirectBayesianRegressor, EinetDensityEstimator, EinetImputer

# Sockets and event loops of Dask's own that it leaves to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TREES = {"components": "trees", "n_replicas": 3, "n_sums": 4, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    """Two threads of this process."""
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def numbers(n=600, seed=0):
    random = np.random.RandomState(seed)
    x = random.normal(size=(n, 4))
    x[:, 1] += x[:, 0]
    x[:, 3] = random.poisson(2, n)
    return x


def mixed(n=600):
    frame = pd.DataFrame(numbers(n), columns=["a", "b", "c", "n"])
    frame["kind"] = np.where(frame["a"] > 0, "high", "low")
    frame.loc[n - 1, "kind"] = "rare"
    frame.loc[::7, "b"] = np.nan
    frame.loc[::11, "kind"] = None
    return frame


def target(x, seed=1):
    random = np.random.RandomState(seed)
    return x @ np.array([1.0, 0.0, -2.0, 0.5]) + 0.3 * random.normal(size=len(x))


@pytest.mark.parametrize("sizes", [(600,), (250, 50, 300), (1, 599)])
@pytest.mark.parametrize("posterior", ["mean_field", "mixture"])
def test_regression_is_that_of_a_fit_in_memory(client, sizes, posterior):
    x = numbers()
    y, weights = target(x), np.random.RandomState(2).randint(0, 3, 600).astype(float)
    options = {"posterior": posterior, "n_mixtures": 2, "random_state": 0}
    local = skpc.DirectBayesianRegressor(**options).fit(x, y, sample_weight=weights)
    X, Y, W = (da.from_array(one, chunks=(sizes, *one.shape[1:])) for one in (x, y, weights))
    model = DirectBayesianRegressor(client=client, **options).fit(X, Y, sample_weight=W)
    for name in ("coef_", "coef_std_", "intercept_", "elbo_", "noise_variance_"):
        assert_allclose(getattr(model, name), getattr(local, name), rtol=1e-7, atol=1e-9)
    assert_array_equal(model.weight_codes_, local.weight_codes_)
    for found, right in zip(
        model.predict(X, return_std=True), local.predict(x, return_std=True), strict=True
    ):
        assert found.chunks == (sizes,)
        assert_allclose(found.compute(scheduler="sync"), right, rtol=1e-9)


def test_regression_without_noise_reads_the_blocks_a_second_time(client):
    x = numbers()
    y = x @ np.array([0.5, 0.0, 1.0, -1.0])
    local = skpc.DirectBayesianRegressor(random_state=0).fit(x, y)
    X, Y = da.from_array(x, chunks=(200, 4)), da.from_array(y, chunks=200)
    model = DirectBayesianRegressor(client=client, random_state=0).fit(X, Y)
    assert_allclose(model.noise_variance_, local.noise_variance_, rtol=1e-6)
    assert_allclose(model.coef_, local.coef_, rtol=1e-9, atol=1e-12)


def test_regression_of_frames_with_a_map_and_several_targets(client):
    frame = mixed()[["a", "c", "n"]]
    y = np.column_stack([target(numbers()), frame["a"] ** 2])
    options = {"feature_map": SplineTransformer(n_knots=4), "random_state": 0}
    local = skpc.DirectBayesianRegressor(**options).fit(frame, y)
    X = dd.from_pandas(frame, npartitions=3)
    sizes = tuple(X.map_partitions(len).compute(scheduler="sync"))
    Y = da.from_array(y, chunks=(sizes, (2,)))
    model = DirectBayesianRegressor(client=client, **options).fit(X, Y)
    assert list(model.feature_names_in_) == ["a", "c", "n"]
    assert_allclose(model.coef_, local.coef_, atol=1e-9)
    predicted = model.predict(X).compute(scheduler="sync")
    assert_allclose(predicted, local.predict(frame), atol=1e-9)
    with pytest.raises(ValueError, match="y is in memory, and X has blocks of unknown lengths"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="y has 2 blocks; 3 are accepted"):
        model.fit(X, dd.from_pandas(pd.Series(y[:, 0]), npartitions=2))


def test_trees_over_full_batches_are_those_of_a_fit_in_memory(client):
    x, weights = numbers(), np.random.RandomState(0).randint(0, 3, 600).astype(float)
    x[::9, 2] = np.nan
    options = {**TREES, "batch_size": None, "max_iter": 8}
    local = skpc.EinetDensityEstimator(**options).fit(x, sample_weight=weights)
    X, W = da.from_array(x, chunks=(170, 4)), da.from_array(weights, chunks=170)
    model = EinetDensityEstimator(client=client, **options).fit(X, sample_weight=W)
    found, right = model.history_["trees"], local.history_["trees"]
    for name in ("log_likelihood", "validation_log_likelihood"):
        assert_allclose(found[name], right[name], rtol=1e-6)
    scores = model.score_samples(X)
    assert scores.chunks == X.chunks[:1]
    assert_allclose(scores.compute(scheduler="sync"), local.score_samples(x), rtol=1e-4)


def test_rounds_over_all_rows_raise_their_likelihood(client):
    x = numbers(3000)
    X = da.from_array(x, chunks=(500, 4))
    options = {**TREES, "client": client, "sample_rows": 300}
    none, some = (EinetDensityEstimator(n_rounds=n, **options).fit(X) for n in (0, 4))
    assert some.to_local().score(x) > none.to_local().score(x) + 0.01
    assert len(some.history_["trees"]["log_likelihood"]) == 4
    assert some.n_parameters_ == none.n_parameters_


def test_the_sample_shows_the_ends_of_numbers_and_every_category(client):
    frame = mixed(2000)
    X = dd.from_pandas(frame, npartitions=4)
    model = EinetDensityEstimator(client=client, sample_rows=60, **TREES).fit(X)
    reports = model.columns_
    for j, name in enumerate(("a", "b", "c", "n")):
        assert reports[j].bounds == (frame[name].min(), frame[name].max())
    assert set(model.sample(4000, random_state=0)["kind"]) == {"high", "low", "rare"}
    assert model.score_samples(X).compute(scheduler="sync").shape == (2000,)


def test_lazy_answers_are_those_in_memory(client):
    X = dd.from_pandas(mixed(), npartitions=3)
    # Dask has types of its own for texts.
    frame = X.compute(scheduler="sync")
    model = EinetDensityEstimator(client=client, **TREES).fit(X)
    local = model.to_local()
    assert type(local) is skpc.EinetDensityEstimator
    assert_allclose(model.score_samples(X).compute(scheduler="sync"), local.score_samples(frame))
    assert model.score(X) == pytest.approx(local.score(frame))
    marginal = model.predict_marginal(X, ["a", "kind"])
    assert_allclose(
        marginal.compute(scheduler="sync"), local.predict_marginal(frame, ["a", "kind"])
    )
    filled = model.impute(X)
    assert (filled.dtypes == X.dtypes).all()
    pd.testing.assert_frame_equal(filled.compute(scheduler="sync"), local.impute(frame))
    drawn = model.sample_conditional(X, random_state=0).compute(scheduler="sync")
    assert not drawn.isna().to_numpy().any()
    pd.testing.assert_series_equal(drawn["a"], frame["a"])
    rows = model.sample_blocks(150_000, random_state=0)
    assert rows.npartitions == 2
    with pytest.raises(ValueError, match="n_samples is 0"):
        model.sample_blocks(0)
    assert (rows.dtypes == X.dtypes).all()
    assert len(rows.partitions[1].compute(scheduler="sync")) == 50_000


@pytest.mark.parametrize("strategy", ["median", "sample"])
def test_imputer_fills_blocks_as_in_memory(client, strategy):
    X = dd.from_pandas(mixed(), npartitions=3)
    frame = X.compute(scheduler="sync")
    density = EinetDensityEstimator(**TREES)
    imputer = EinetImputer(density, strategy=strategy, client=client, random_state=0).fit(X)
    local = imputer.to_local()
    assert type(local) is skpc.EinetImputer
    assert imputer.indicator_features_.tolist() == [1, 4]
    filled = imputer.transform(X)
    assert (filled.dtypes == X.dtypes).all()
    filled = filled.compute(scheduler="sync")
    assert not filled.isna().to_numpy().any()
    pd.testing.assert_series_equal(filled["a"], frame["a"])
    if strategy == "median":
        pd.testing.assert_frame_equal(filled, local.transform(frame))
    with pytest.raises(TypeError, match=r"skpc\.dask\.EinetDensityEstimator is accepted"):
        EinetImputer(skpc.EinetDensityEstimator(), client=client).fit(X)
    with pytest.raises(ValueError, match="add_indicator is True"):
        imputer.set_params(add_indicator=True).transform(X)


def test_what_cannot_be_fitted_is_refused_by_name(client):
    x = numbers(40)
    X = da.from_array(x, chunks=(20, 4))
    with pytest.raises(TypeError, match=r"skpc\.dask"):
        skpc.EinetDensityEstimator().fit(X)
    for estimator in (EinetDensityEstimator(client=client), EinetImputer(client=client)):
        with pytest.raises(ValueError, match="of 1 dimensions"):
            estimator.fit(X[:, 0])
    with pytest.raises(ValueError, match="'client' parameter"):
        EinetDensityEstimator(client="tcp://scheduler:8786").fit(X)
    with pytest.raises(ValueError, match="sample_rows is 1; 2 or more"):
        EinetDensityEstimator(client=client, sample_rows=1).fit(X)
    with pytest.raises(ValueError, match="warm_start is True"):
        EinetDensityEstimator(client=client, warm_start=True).fit(X)
    with pytest.raises(ValueError, match="no row of positive weight"):
        EinetDensityEstimator(client=client).fit(X, sample_weight=da.zeros(40, chunks=20))
    with pytest.raises(ValueError, match="sample_weight has -1"):
        EinetDensityEstimator(client=client).fit(X, sample_weight=-da.ones(40, chunks=20))
    x[30, 2] = np.inf
    model = EinetDensityEstimator(client=client, **TREES)
    with pytest.raises(ValueError, match="olumn 2"):
        model.fit(da.from_array(x, chunks=(20, 4)))
    assert not hasattr(model, "structure_")
    with pytest.raises(ValueError, match="olumn 2"):
        DirectBayesianRegressor(client=client).fit(
            da.from_array(x, chunks=(20, 4)), da.ones(40, 20)
        )


def test_parameters_clones_pickles_and_files(client, tmp_path):
    model = EinetDensityEstimator("random_trees", client=client, n_sums=3, random_state=0)
    names = set(skpc.EinetDensityEstimator().get_params())
    assert set(model.get_params()) == names | {"client", "sample_rows", "n_rounds"}
    assert clone(model).set_params(n_sums=4).get_params()["structure"] == "random_trees"
    x = numbers(100)
    model.set_params(components="trees").fit(da.from_array(x, chunks=(50, 4)))
    again = pickle.loads(pickle.dumps(model))
    assert again.client is None
    assert_array_equal(again.score_samples(x), model.score_samples(x))
    model.save(tmp_path / "model.skpc")
    loaded = skpc.load(tmp_path / "model.skpc")
    assert type(loaded) is skpc.EinetDensityEstimator
    assert_array_equal(loaded.score_samples(x), model.score_samples(x))
    # In memory it is the local estimator.
    plain = skpc.EinetDensityEstimator("random_trees", n_sums=3, components="trees", random_state=0)
    assert_array_equal(model.fit(x).score_samples(x), plain.fit(x).score_samples(x))


def test_without_a_client_threads_of_this_process_compute():
    x = numbers(200)
    X, Y = da.from_array(x, chunks=(100, 4)), da.from_array(target(x), chunks=100)
    local = skpc.DirectBayesianRegressor(random_state=0).fit(x, target(x))
    assert_allclose(DirectBayesianRegressor(random_state=0).fit(X, Y).coef_, local.coef_)


def test_a_scheduler_that_is_gone_is_named():
    x = numbers(200)
    X, Y = da.from_array(x, chunks=(100, 4)), da.from_array(target(x), chunks=100)
    cluster = LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
    client = Client(cluster, set_as_default=False)
    model = DirectBayesianRegressor(client=client, random_state=0).fit(X, Y)
    coef = model.coef_.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.close()
        cluster.close()
    with pytest.raises(ConnectionError, match="scheduler"):
        model.fit(X, Y)
    assert_array_equal(model.coef_, coef)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    x = numbers(1500)
    X, y = da.from_array(x, chunks=(150, 4)), da.from_array(target(x), chunks=150)
    options = {**TREES, "sample_rows": 400}

    def killing(block, marker):
        import os
        import signal
        from pathlib import Path

        if len(block) and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        deadly = X.map_blocks(killing, str(tmp_path / "1"), dtype=float, meta=np.empty((0, 4)))
        density = EinetDensityEstimator(client=client, **options).fit(deadly)
        assert (tmp_path / "1").exists()
        model = DirectBayesianRegressor(client=client, random_state=0).fit(X, y)
    scores = EinetDensityEstimator(**options).fit(X).to_local().score_samples(x)
    assert_array_equal(density.to_local().score_samples(x), scores)
    assert_array_equal(model.coef_, DirectBayesianRegressor(random_state=0).fit(X, y).coef_)
