"""Circuits of skpc and of its peers on torch, behind one interface, for peers_worker.py.

A job holds what the circuits share: depth, replicas, n_sums, batch_size, leaf ("bernoulli" or
"gaussian") and layer ("cp" or "tucker"). Peers are used through their public interfaces, with
their default settings otherwise, and imported only where they are asked for.

Axes: n rows, d columns.
"""

import subprocess
import sys
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

WARM_UP_BATCHES = 5
ADAM_RATE = 0.01
EM_STEP = 0.05


def checkout(path: str) -> str:
    """The commit of a checkout."""
    command = ["git", "-C", path, "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"commit {found.stdout.strip()}" if found.returncode == 0 else "checkout"


class Skpc:
    """skpc's estimator; an epoch is the pass of a call of `fit` that goes on from the last."""

    trained_by = "EM"

    def __init__(self, job: dict, x: np.ndarray) -> None:
        import skpc

        self.version = skpc.__version__
        self.x = x
        self.model = skpc.EinetDensityEstimator(
            "random_trees",
            depth=job["depth"],
            n_replicas=job["replicas"],
            n_sums=job["n_sums"],
            layer=job["layer"],
            components="trees",
            leaf=job["leaf"],
            batch_size=job["batch_size"],
            # A number: no rows are held out to choose it.
            smoothing=0.1,
            max_iter=1,
            warm_start=True,
            device="cpu",
            random_state=np.random.RandomState(0),
        )

    def warm_up(self) -> None:
        """A whole pass, since the first decides on columns and structure."""
        self.epoch()

    def epoch(self) -> float:
        """Seconds of the pass: peers, too, have read the table before their epochs."""
        self.model.fit(self.x)
        return float(self.model.history_["trees"]["seconds"][-1])

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """(n,)"""
        return self.model.score_samples(x)

    def sample(self, n: int) -> None:
        self.model.sample(n, random_state=0)

    @property
    def n_parameters(self) -> int:
        return self.model.n_parameters_


class Peer:
    """A module of torch that is trained by Adam; subclasses build and evaluate it."""

    trained_by = f"Adam, {ADAM_RATE:g}"

    def __init__(self, job: dict, x: np.ndarray) -> None:
        torch.manual_seed(0)
        self.x = torch.from_numpy(x)
        self.batch_size = job["batch_size"]
        self.module = self.build(job, x.shape[1])
        self.prepare()

    def build(self, job: dict, d: int) -> torch.nn.Module:
        raise NotImplementedError

    def prepare(self) -> None:
        self.adam = torch.optim.Adam(self.module.parameters(), lr=ADAM_RATE)

    def evaluate(self, x: torch.Tensor) -> torch.Tensor:
        """Log densities with one value a row."""
        return self.module(x)

    def batches(self) -> tuple:
        return torch.randperm(len(self.x)).split(self.batch_size)

    def warm_up(self) -> None:
        self.train(self.batches()[:WARM_UP_BATCHES])

    def epoch(self) -> None:
        self.train(self.batches())

    def train(self, batches: tuple) -> None:
        for rows in batches:
            self.adam.zero_grad()
            (-self.evaluate(self.x[rows]).mean()).backward()
            self.adam.step()

    @torch.no_grad()
    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """(n,)"""
        parts = torch.from_numpy(x).split(self.batch_size)
        return torch.cat([self.evaluate(part).reshape(-1) for part in parts]).numpy()

    @cached_property
    def sampled(self) -> torch.nn.Module:
        """What samples come from."""
        return self.module

    @torch.no_grad()
    def sample(self, n: int) -> None:
        self.sampled.sample(num_samples=n)

    @property
    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)


class EinsumNetworks(Peer):
    """The EiNet paper's code, trained as its own demonstrations do."""

    trained_by = f"EM, {EM_STEP:g}"

    def build(self, job: dict, d: int) -> torch.nn.Module:
        import networkx

        # Two names that newer versions of networkx lack; graphs are not read from files here.
        for name in ("read_gpickle", "write_gpickle"):
            vars(networkx).setdefault(name, None)
        self.version = checkout(job["path"])
        sys.path.insert(0, str(Path(job["path"]) / "src"))
        from EinsumNetwork import EinsumNetwork, Graph

        families = {
            "bernoulli": (EinsumNetwork.CategoricalArray, {"K": 2}),
            "gaussian": (EinsumNetwork.NormalArray, {}),
        }
        family, settings = families[job["leaf"]]
        graph = Graph.random_binary_trees(d, job["depth"], job["replicas"])
        module = EinsumNetwork.EinsumNetwork(
            graph,
            EinsumNetwork.Args(
                num_var=d,
                num_input_distributions=job["n_sums"],
                num_sums=job["n_sums"],
                exponential_family=family,
                exponential_family_args=settings,
                online_em_frequency=1,
                online_em_stepsize=EM_STEP,
            ),
        )
        module.initialize()
        return module

    def prepare(self) -> None:
        """EM is in the module."""

    def train(self, batches: tuple) -> None:
        for rows in batches:
            self.evaluate(self.x[rows]).sum().backward()
            self.module.em_process_batch()
        self.module.em_update()


class Cirkit(Peer):
    """Folded and optimised by cirkit's compiler; weights are softmaxes."""

    def build(self, job: dict, d: int) -> torch.nn.Module:
        from cirkit.pipeline import PipelineContext
        from cirkit.templates.region_graph import RandomBinaryTree
        from cirkit.templates.utils import (
            Parameterization,
            name_to_input_layer_factory,
            parameterization_to_factory,
        )

        self.version = version("libcirkit")
        inputs = {"bernoulli": ("categorical", {"num_categories": 2}), "gaussian": ("gaussian", {})}
        name, settings = inputs[job["leaf"]]
        weights = Parameterization(activation="softmax", initialization="normal")
        graph = RandomBinaryTree(d, depth=job["depth"], num_repetitions=job["replicas"], seed=0)
        circuit = graph.build_circuit(
            input_factory=name_to_input_layer_factory(name, **settings),
            sum_product=job["layer"],
            sum_weight_factory=parameterization_to_factory(weights),
            num_input_units=job["n_sums"],
            num_sum_units=job["n_sums"],
        )
        # Every layer carries all rows that are drawn, d columns wide: a few at a time.
        self.draws_at_once = max(1, 2**26 // (d * d * job["replicas"] * job["n_sums"]))
        context = PipelineContext(backend="torch", semiring="lse-sum", fold=True, optimize=True)
        return context.compile(circuit)

    @torch.no_grad()
    def sample(self, n: int) -> None:
        from cirkit.backend.torch.queries import SamplingQuery

        SamplingQuery(self.module)(num_samples=n)


class SimpleEinet(Peer):
    """simple-einet, "einsum" (Tucker) or "linsum" (CP) layers."""

    def build(self, job: dict, d: int) -> torch.nn.Module:
        if job["path"]:
            self.version = checkout(job["path"])
            sys.path.insert(0, job["path"])
        else:
            self.version = version("simple-einet")
        self.job, self.d = job, d
        from simple_einet.layers.distributions import bernoulli, normal

        return self.network({"bernoulli": bernoulli.Bernoulli, "gaussian": normal.Normal})

    def network(self, families: dict, **settings) -> torch.nn.Module:
        from simple_einet.einet import Einet, EinetConfig

        job = self.job
        return Einet(
            EinetConfig(
                num_features=self.d,
                num_sums=job["n_sums"],
                num_leaves=job["n_sums"],
                num_repetitions=job["replicas"],
                depth=job["depth"],
                leaf_type=families[job["leaf"]],
                leaf_kwargs=settings,
                layer_type={"tucker": "einsum", "cp": "linsum"}[job["layer"]],
            )
        )

    @cached_property
    def sampled(self) -> torch.nn.Module:
        """Its Bernoulli leaves cannot be sampled: an untrained twin with binomial ones."""
        from simple_einet.layers.distributions.binomial import Binomial

        if self.job["leaf"] != "bernoulli":
            return self.module
        return self.network({"bernoulli": Binomial}, total_count=1)


class SPFlow(Peer):
    """SPFlow's Einet, "einsum" (Tucker) or "linsum" (CP) layers."""

    def build(self, job: dict, d: int) -> torch.nn.Module:
        from spflow.modules import leaves

        self.version = version("spflow")
        family = {"bernoulli": leaves.Bernoulli, "gaussian": leaves.Normal}[job["leaf"]]
        units = {"out_channels": job["n_sums"], "num_repetitions": job["replicas"]}
        return self.network(job, [family(list(range(d)), **units)])

    def network(self, job: dict, leaf_modules: list) -> torch.nn.Module:
        from spflow.zoo.einet import Einet

        return Einet(
            leaf_modules,
            num_sums=job["n_sums"],
            num_leaves=job["n_sums"],
            depth=job["depth"],
            num_repetitions=job["replicas"],
            layer_type={"tucker": "einsum", "cp": "linsum"}[job["layer"]],
        )

    def evaluate(self, x: torch.Tensor) -> torch.Tensor:
        return self.module.log_likelihood(x)


class SPFlowRat(SPFlow):
    """SPFlow's RAT-SPN; outer products are Tucker layers."""

    def network(self, job: dict, leaf_modules: list) -> torch.nn.Module:
        from spflow.zoo.rat import RatSPN

        return RatSPN(
            leaf_modules,
            n_root_nodes=1,
            n_region_nodes=job["n_sums"],
            num_repetitions=job["replicas"],
            depth=job["depth"],
            outer_product=job["layer"] == "tucker",
        )


class SPFlowEM(SPFlow):
    """SPFlow's Einet by its own mini-batch EM, which takes full steps."""

    trained_by = "EM, full steps"

    def train(self, batches: tuple) -> None:
        from spflow.learn.expectation_maximization import expectation_maximization_batched

        expectation_maximization_batched(self.module, [self.x[rows] for rows in batches])
