"""The same model on the CPU and on CUDA; deselected where there is no such device."""

import numpy as np
import pytest
from helpers.cases import CASES, Case, mixed
from numpy.testing import assert_allclose

import skpc

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fits_on_both_devices_agree(case):
    X = case.rows(300)
    settings = {"dtype": "float64", "batch_size": None, "max_iter": 5}
    cpu = case.model(device="cpu", **settings).fit(X)
    cuda = case.model(device="cuda", **settings).fit(X)
    assert_allclose(cuda.score_samples(X), cpu.score_samples(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
def test_model_moves_between_devices(layer):
    case = Case("deep_trees", layer, "mixed")
    X = case.rows(200)
    model = case.model(device="cuda").fit(X)
    on_cuda = model.score_samples(X)
    assert_allclose(model.set_params(device="cpu").score_samples(X), on_cuda, rtol=1e-9)


def test_files_of_a_model_from_cuda_are_read_to_the_cpu(tmp_path):
    case = Case("auto", "cp", "mixed")
    X = case.rows(300)
    model = case.model(device="cuda", components=[*mixed(3, 1), "kernels"]).fit(X)
    on_cuda = model.score_samples(X)
    model.save(tmp_path / "model")
    assert_allclose(skpc.load(tmp_path / "model").score_samples(X), on_cuda, rtol=0, atol=0)
    on_cpu = skpc.load(tmp_path / "model", device="cpu").score_samples(X)
    assert_allclose(on_cpu, on_cuda, rtol=1e-9)


def test_conditional_draws_on_cuda_keep_the_evidence():
    case = Case("deep_trees", "cp", "mixed")
    X = case.rows(200)
    model = case.model(device="cuda").fit(X)
    holes = X.copy()
    holes[:, 1] = np.nan
    drawn = model.sample_conditional(holes, random_state=0)
    assert not np.isnan(drawn).any()
    assert (drawn[:, [0, 2, 3]] == X[:, [0, 2, 3]]).all()


def test_moments_and_imputed_cells_are_those_of_the_cpu():
    case = Case("deep_trees", "cp", "mixed")
    X = case.rows(200)
    model = case.model(device="cuda", leaf="auto").fit(X)
    holes = X.copy()
    holes[::2, 1:] = np.nan
    answers = {}
    for device in ("cuda", "cpu"):
        model.set_params(device=device)
        answers[device] = [*model.moments(holes), model.impute(holes), model.impute(holes, "mode")]
    for on_cuda, on_cpu in zip(answers["cuda"], answers["cpu"], strict=True):
        assert_allclose(on_cuda, on_cpu, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("beside", [{"components": mixed(0, 1)}, {"components": mixed(5)}], ids=str)
def test_what_stands_beside_the_trees_is_fitted_and_asked_on_cuda(beside):
    case = Case("auto", "cp", "mixed")
    X = case.rows(300)
    X[::7, 0] = np.nan
    model = case.model(device="cuda", **beside).fit(X)
    holes = X.copy()
    holes[::2, 1:] = np.nan
    assert np.isfinite(model.score_samples(model.sample(20, random_state=0))).all()
    assert not np.isnan(model.sample_conditional(holes, random_state=0)).any()
    answers = {}
    for device in ("cuda", "cpu"):
        model.set_params(device=device)
        answers[device] = [
            *(model.score_samples(rows) for rows in (X, holes)),
            *model.moments(holes),
            model.impute(holes),
        ]
    for on_cuda, on_cpu in zip(answers["cuda"], answers["cpu"], strict=True):
        assert_allclose(on_cuda, on_cpu, rtol=1e-6, atol=1e-8)
