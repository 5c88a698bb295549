"""libspn-keras behind the interface of peers_models.py, in an environment with TensorFlow.

Tried with tensorflow 2.15, tensorflow-probability 0.23 and plotly 5.

Axes: n rows, d columns.
"""

from importlib.metadata import version

import libspn_keras
import numpy as np
import tensorflow as tf

WARM_UP_BATCHES = 5
ADAM_RATE = 0.01


class LibspnKeras:
    """Random trees of dense products and sums; a leaf region is padded to equal sizes."""

    trained_by = f"Adam, {ADAM_RATE:g}"

    def __init__(self, job: dict, x: np.ndarray) -> None:
        tf.random.set_seed(0)
        np.random.seed(0)  # noqa: NPY002, the library's permutations come from it
        self.version = f"{version('libspn-keras')} on TensorFlow {tf.__version__}"
        self.batch_size = job["batch_size"]
        binary = job["leaf"] == "bernoulli"
        self.dtype = np.int32 if binary else np.float32
        self.x = x.astype(self.dtype)
        self.network = self.build(job, x.shape[1], binary)
        self.network.compile(
            optimizer=tf.keras.optimizers.Adam(ADAM_RATE),
            loss=libspn_keras.losses.NegativeLogLikelihood(),
        )

    def build(self, job: dict, d: int, binary: bool) -> tf.keras.Model:
        layers, k = libspn_keras.layers, job["n_sums"]
        # Bernoullis are sums over the indicators of a column.
        leaves = (
            [layers.IndicatorLeaf(num_components=2, dtype=tf.int32), layers.DenseSum(k)]
            if binary
            else [layers.NormalLeaf(num_components=k, scale_trainable=True)]
        )
        inner = [
            kind(size)
            for _ in range(job["depth"] - 1)
            for kind, size in ((layers.DenseProduct, 2), (layers.DenseSum, k))
        ]
        return libspn_keras.models.SequentialSumProductNetwork(
            [
                layers.FlatToRegions(
                    num_decomps=job["replicas"], input_shape=(d,), dtype=tf.as_dtype(self.dtype)
                ),
                *leaves,
                layers.PermuteAndPadScopesRandom(),
                layers.ReduceProduct(-(-d // 2 ** job["depth"])),
                *inner,
                layers.DenseProduct(2),
                layers.RootSum(return_weighted_child_logits=False),
            ]
        )

    def warm_up(self) -> None:
        self.train(self.x[: WARM_UP_BATCHES * self.batch_size])

    def epoch(self) -> None:
        self.train(self.x)

    def train(self, x: np.ndarray) -> None:
        self.network.fit(x, batch_size=self.batch_size, epochs=1, verbose=0)

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """(n,)"""
        found = self.network.predict(x.astype(self.dtype), self.batch_size, verbose=0)
        return found.reshape(-1)

    def sample(self, n: int) -> None:
        raise NotImplementedError("no unconditional samples")

    @property
    def n_parameters(self) -> int:
        return sum(int(tf.size(weight)) for weight in self.network.trainable_weights)
