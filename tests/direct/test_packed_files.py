"""Files of packed ensembles bring back everything, and are whole or refused."""

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.direct_packs import contents, ensemble, features
from helpers.forgery import full_disk

from skpc._files import Contents, write
from skpc.direct import PackedEnsemble


@pytest.mark.parametrize("zeros", [0.0, 0.9])
@pytest.mark.parametrize("steps", ["one", "powers"])
def test_a_file_brings_back_everything(tmp_path, zeros, steps):
    packed = ensemble(zeros=zeros, steps=steps)
    path = tmp_path / "weights.packed"
    packed.save(path)
    loaded = PackedEnsemble.load(path)
    rows = features(packed, 50)
    for return_std in (False, True):
        assert np.array_equal(loaded.predict(rows, return_std), packed.predict(rows, return_std))
    assert (loaded.sums(packed.quantise(rows)) == packed.sums(packed.quantise(rows))).all()
    assert loaded.nbytes == packed.nbytes
    for name, value in vars(packed).items():
        assert type(getattr(loaded, name)) is type(value)
        assert np.array_equal(getattr(loaded, name), value)


def test_files_of_version_1_are_read():
    """The file was written by the first version that wrote such files, and stays as it is."""
    loaded = PackedEnsemble.load(Path(__file__).parent / "packed_1.skpc")
    assert (loaded.n_bits, loaded.n_samples, loaded.n_features) == (3, 2, 4)
    assert loaded.codes().tolist() == [[3, 0, -1, 0], [-3, 0, 2, 1]]
    assert loaded.exponents().tolist() == [0, 2, 1, 0]
    inputs = np.array([[1, 2, 3, 4], [-128, 127, 0, 5]], dtype=np.int8)
    # 3 - 6 and -3 + 12 + 4 for the first row.
    assert loaded.sums(inputs).tolist() == [[-3, 13], [-384, 389]]
    assert loaded.predict_quantised(inputs).tolist() == [10.0 + 5 * 0.25, 10.0 + 2.5 * 0.25]
    assert loaded.noise_variance == 0.5
    assert loaded.offset.tolist() == [0.0, 1.0, -2.0, 0.5]
    assert loaded.scale.tolist() == [1.0, 0.5, 0.25, 2.0]


@pytest.mark.parametrize("zeros", [0.0, 0.9])
def test_every_flip_and_cut_is_refused(tmp_path, zeros):
    path = tmp_path / "pump"
    ensemble(zeros=zeros, n_features=3, steps="powers").save(path)
    data = path.read_bytes()
    altered = [data[:i] for i in range(len(data))]
    altered += [data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :] for i in range(len(data))]
    altered += [data + b"\0", data + data, data[1:]]
    for other in altered:
        path.write_bytes(other)
        with pytest.raises(ValueError, match="pump cannot be read: ") as caught:
            PackedEnsemble.load(path)
        assert type(caught.value) is ValueError


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other"
    packed = ensemble()
    path.write_text("weights")
    with pytest.raises(ValueError, match="other cannot be read: skpc did not write it"):
        PackedEnsemble.load(path)
    for save in (np.savez, np.savez_compressed):
        with path.open("wb") as file:
            save(file, format="skpc packed ensemble 1", **vars(packed))
        with pytest.raises(ValueError, match="skpc did not write it"):
            PackedEnsemble.load(path)
    path.write_bytes(pickle.dumps(packed))
    with pytest.raises(ValueError, match="skpc did not write it"):
        PackedEnsemble.load(path)
    write(path, Contents("density", 1, {}, {}))
    with pytest.raises(ValueError, match="it holds a 'density'; a 'packed ensemble' is accepted"):
        PackedEnsemble.load(path)
    write(path, Contents("packed ensemble", 2, {}, {}))
    with pytest.raises(ValueError, match=r"version 2 of a packed ensemble; .* up to 1"):
        PackedEnsemble.load(path)
    with pytest.raises(FileNotFoundError):
        PackedEnsemble.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "changes",
    [
        {"n_samples": 10**9},
        {"code_stream": np.zeros(2**26, dtype=np.uint8)},
        {"other": np.zeros(2**23)},
        {"offset": np.zeros(2**23)},
    ],
    ids=["draws", "codes", "another member", "offsets"],
)
def test_no_memory_is_taken_for_what_does_not_agree(tmp_path, changes):
    path = tmp_path / "pump"
    write(path, contents(ensemble(), **changes))
    del changes
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="pump cannot be read"):
            PackedEnsemble.load(path)
        # The checksum is computed in blocks of a megabyte.
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", ["save", "to_c"])
def test_a_full_disk_keeps_the_old_file(tmp_path, method):
    path = tmp_path / "pump"
    getattr(ensemble(seed=1), method)(path)
    before = path.read_bytes()
    with full_disk(500), pytest.raises(OSError, match="File too large"):
        getattr(ensemble(), method)(path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_a_bad_prefix_keeps_the_old_header(tmp_path):
    path = tmp_path / "pump.h"
    path.write_text("old")
    with pytest.raises(ValueError, match="prefix is '3'"):
        ensemble().to_c(path, prefix="3")
    assert path.read_text() == "old"
