"""The M-step of leaves and sums in compiled C.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from .leaves import LeafPlan, group_structs, with_gaps
from .program import checked
from .structs import LayerStruct, SumsStruct, UpdateStruct, function

# Numbers of a row of some copies of a group: as many as the first cache holds for all rows.
AT_ONCE = 96


class Updates:
    """M-steps of the leaves of a circuit that have one here.

    Parameters
    ----------
    plan : LeafPlan
    """

    def __init__(self, plan: LeafPlan) -> None:
        self.shape = plan.shape
        groups = with_gaps(plan.updates, plan.shape[0])
        self.groups, self.n_groups = group_structs(groups), len(groups)
        units = plan.shape[1]
        self.at_once = max(1, AT_ONCE // units)
        most = max((g.values for g in plan.updates), default=0)
        # Statistics and a count of each value, and two rows of sums.
        self.n_scratch = (most + 5) * self.at_once * units

    def leaves(
        self,
        before: Tensor | None,
        fresh: Tensor,
        rate: float,
        prior: Tensor,
        share: float,
        old: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Running statistics that moved towards fresh ones, and the parameters that they make.

        Parameters
        ----------
        before : Tensor (N, K) or None
            Running statistics; None: the fresh ones are theirs.
        fresh : Tensor (N, K)
        rate : float
            Step size.
        prior : Tensor (N, 1)
        share : float
            Pseudo-rows of the prior over rows of evidence.
        old : Tensor (N, K)
            Parameters, which units without counts and other rows keep.

        Returns
        -------
        running, leaves : Tensor (N, K)
        """
        fresh, old = checked(fresh, self.shape), checked(old, self.shape)
        prior = checked(prior, (self.shape[0], 1))
        before = before if before is None else checked(before, self.shape)
        running = fresh if before is None else torch.empty_like(fresh)
        leaves = torch.empty_like(old)
        scratch = torch.empty(self.n_scratch, dtype=torch.float64)
        step = UpdateStruct(
            self.shape[0], self.n_groups, self.shape[1], self.at_once, rate, share,
            self.groups.data_ptr(), *_moved(before, fresh), running.data_ptr(),
            prior.data_ptr(), old.data_ptr(), leaves.data_ptr(), scratch.data_ptr(),
        )  # fmt: skip
        function("skpc_update_leaves")(step)
        return running, leaves


def update_sums(
    before: Sequence[Tensor | None],
    fresh: Sequence[Tensor],
    rate: float,
    share: float,
    old: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Running counts of all layers and their weights, see `Updates.leaves`; all are (F, O, I)."""
    layers = [_Layer(*of_layer) for of_layer in zip(before, fresh, old, strict=True)]
    structs = (LayerStruct * len(layers))(*(layer.struct for layer in layers))
    step = SumsStruct(len(layers), rate, share, ctypes.addressof(structs))
    function("skpc_update_sums")(step)
    return [layer.running for layer in layers], [layer.weights for layer in layers]


class _Layer:
    """The tensors of an M-step of a layer, with what keeps them in memory."""

    def __init__(self, before: Tensor | None, fresh: Tensor, old: Tensor) -> None:
        shape = tuple(old.shape)
        self.fresh, self.old = checked(fresh, shape), checked(old, shape)
        self.before = before if before is None else checked(before, shape)
        self.running = self.fresh if before is None else torch.empty_like(self.fresh)
        self.weights = torch.empty_like(self.old)

    @property
    def struct(self) -> LayerStruct:
        """What C reads."""
        n_inputs = self.old.shape[-1]
        return LayerStruct(
            self.old.numel() // n_inputs, n_inputs, *_moved(self.before, self.fresh),
            self.running.data_ptr(), self.old.data_ptr(), self.weights.data_ptr(),
        )  # fmt: skip


def _moved(before: Tensor | None, fresh: Tensor) -> tuple[int | None, int | None]:
    """What moves to what; nothing where the fresh statistics are the running ones."""
    return (None, None) if before is None else (before.data_ptr(), fresh.data_ptr())
