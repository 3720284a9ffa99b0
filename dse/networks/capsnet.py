"""CapsNet (Sabour, Frosst & Hinton 2017) with the weight sharing of Marchisio et al. 2019.

Dimensions: B images of a batch, C channels, H height, W width, X = C * H * W pixels; F channels of the first
convolution, Q channels of the primary convolution = T capsule types * D numbers of a primary capsule;
P positions of the grid, N = T * P primary capsules, type-major; K classes, E numbers of a class capsule.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from dse.networks.analytic_routing import (
    AnalyticVotes,
    OwnAnalyticVotes,
    SharedAnalyticVotes,
    route_analytically,
)
from dse.networks.loss import CapsuleLoss, is_true
from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.networks.precision import in_full
from dse.networks.routing import OwnVotes, SharedVotes, route
from dse.networks.spectral import SpectralConvolution, spectral_pays
from dse.networks.squash import SQUASHES, capsule_lengths
from dse.networks.unfolded import convolve_unfolded
from dse.recipe.initialisation import Initialisation
from dse.recipe.loss import Loss, Margin
from dse.recipe.models.capsnet import KERNEL, CapsNetSize

MARGIN = Margin()
PAPERS_START = Initialisation()


def build_decoder(widths: Sequence[int]) -> nn.Sequential | None:
    """Build the layers from the class capsules back to an image; None if there are no widths."""
    if not widths:
        return None
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


class CapsNet(Network):
    """CapsNet: convolution, primary capsules, class capsules by routing, and a decoder that reconstructs.

    Where a filter is shared by a factor, output channel c uses stored filter c modulo (channels / factor).

    Args:
        size: Every size, with the weight sharing.
        loss: What training minimises.
        initialisation: What the class-capsule matrices begin with.
    """

    size: CapsNetSize

    def __init__(
        self,
        size: CapsNetSize,
        loss: Loss = MARGIN,
        initialisation: Initialisation = PAPERS_START,
    ) -> None:
        super().__init__()
        self.size = size
        self.capsule_loss = CapsuleLoss.of(loss)
        self.squash = SQUASHES[size.squash]
        image, sharing = size.image, size.sharing
        channels = size.types * size.primary_size
        self.convolution = nn.Conv2d(image.channels, size.filters // sharing.convolution, KERNEL)
        kernel, stride = size.primary_kernel, size.primary_stride
        self.primary = nn.Conv2d(
            size.filters, channels // sharing.primary_capsules, kernel, stride=stride, bias=False
        )
        # Elsewhere it is never used, and for large maps its matrices would not fit in memory.
        self.spectral = SpectralConvolution(*size.convolved, kernel, stride) if spectral_pays(size) else None
        # Not the convolution's own bias: it stays apart for every channel even where filters are shared.
        self.primary_bias_Q = nn.Parameter(torch.zeros(channels))
        shared_positions = size.positions if sharing.class_capsules == "per_type" else 1
        matrices = size.types * size.positions // shared_positions
        self.class_matrices_NDKE = nn.Parameter(
            initialisation.deviation(shared_positions)
            * torch.randn(matrices, size.primary_size, image.classes, size.class_size)
        )
        self.class_bias_KE = nn.Parameter(torch.zeros(image.classes, size.class_size))
        self.decoder = build_decoder(size.decoder_widths)

    def _convolve(self, features: Tensor, kernels: Tensor, arithmetic: Arithmetic) -> Tensor:
        least = arithmetic.spectral_from_batch
        if self.spectral is not None and least is not None and len(features) >= least:
            return self.spectral(features, kernels)  # type: ignore[no-any-return]
        stride, most = self.size.primary_stride, arithmetic.unfold_up_to_batch
        if most is not None and len(features) <= most:
            return convolve_unfolded(features, kernels, stride)
        if arithmetic.channels_last:
            kernels = kernels.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(features, kernels, stride=stride)

    def primary_capsules(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        """Give the primary capsules of images in [0, 1]; shape (B, N, D), type-major."""
        size = self.size
        if arithmetic.channels_last:
            layout = torch.channels_last
            kernels = self.convolution.weight.contiguous(memory_format=layout)
            images = images_BCHW.contiguous(memory_format=layout)
            features = functional.conv2d(images, kernels, self.convolution.bias).relu()
        else:
            features = self.convolution(images_BCHW).relu()
        # Channels that share a filter of the first convolution are equal, so the primary kernels over them
        # can be added up instead: the same sums from fewer channels.
        folded = self.primary.weight
        if size.sharing.convolution > 1:
            folded = torch.unflatten(folded, 1, (size.sharing.convolution, -1)).sum(1)
        convolved = self._convolve(features, folded, arithmetic).flatten(2).to(images_BCHW.dtype)
        # One routing iteration from one capsule type: each of the T couplings is 1 / T.
        if arithmetic.analytic:
            bias_Sx1 = self.primary_bias_Q.view(size.sharing.primary_capsules, -1, 1)
            votes_BQP = torch.add(bias_Sx1, convolved[:, None], alpha=1 / size.types).flatten(1, 2)
            capsules_BTDP = torch.unflatten(votes_BQP, 1, (size.types, -1))
            return self.squash.analytic(capsules_BTDP.transpose(2, 3)).flatten(1, 2)
        votes_BQP = convolved.repeat(1, size.sharing.primary_capsules, 1) / size.types
        capsules_BTDP = torch.unflatten(votes_BQP + self.primary_bias_Q[:, None], 1, (size.types, -1))
        return self.squash.plain(capsules_BTDP.transpose(2, 3).flatten(1, 2))

    def class_capsules(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        """Give the class capsules of images in [0, 1]; shape (B, K, E)."""
        primary_BND = self.primary_capsules(images_BCHW, arithmetic)
        own = self.size.sharing.class_capsules == "none"
        matrices, bias_KE = self.class_matrices_NDKE, self.class_bias_KE
        iterations = self.size.routing_iterations
        if arithmetic.fused_routing and own:
            from dse.networks.triton_routing import route_fused  # Triton is there on GPUs alone

            squash = self.squash.analytic if arithmetic.analytic else self.squash.plain
            with in_full(primary_BND.device):
                return route_fused(primary_BND, matrices, bias_KE, iterations, squash, arithmetic.fused_dots)
        votes = OwnVotes(primary_BND, matrices) if own else SharedVotes(primary_BND, matrices)
        with in_full(primary_BND.device):
            if arithmetic.analytic:
                form: type[AnalyticVotes] = OwnAnalyticVotes if own else SharedAnalyticVotes
                return route_analytically(form, votes.tensors, bias_KE, iterations, self.squash)
            batch, capsules, _ = primary_BND.shape
            logits_BKN = primary_BND.new_zeros(batch, len(bias_KE), capsules)
            return route(votes, logits_BKN, bias_KE, iterations, self.squash.plain)

    def _decode(self, class_BKE: Tensor) -> Tensor:
        """Decode images from the only class capsules that are not 0; shape (B, X), within [0, 1]."""
        reduced = self.size.sharing.decoder == "reduced"
        assert self.decoder is not None
        decoded_BX: Tensor = self.decoder(class_BKE.sum(1) if reduced else class_BKE.flatten(1))
        return decoded_BX.to(class_BKE.dtype)

    def reconstruct(self, class_BKE: Tensor, chosen_B: Tensor) -> Tensor:
        """Decode images from the chosen class capsules alone; shape (B, X), within [0, 1]."""
        return self._decode(class_BKE * is_true(chosen_B, class_BKE.shape[1])[..., None])

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give lengths of the class capsules, (B, K), and the reconstruction from the longest, (B, C, H, W).

        There is no reconstruction without a decoder.
        """
        class_BKE = self.class_capsules(images_BCHW)
        lengths_BK = capsule_lengths(class_BKE)
        if self.decoder is None:
            return lengths_BK, None
        return lengths_BK, self.reconstruct(class_BKE, lengths_BK.argmax(1)).view_as(images_BCHW)

    @override
    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        """Give class and reconstruction loss; the decoder is fed the capsule of the true class."""
        class_BKE = self.class_capsules(images_BCHW, arithmetic)
        lose = self.capsule_loss.analytic if arithmetic.analytic else self.capsule_loss.plain
        return lose(
            class_BKE, labels_B, images_BCHW.flatten(1), None if self.decoder is None else self._decode
        )

    @override
    def predict(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        return capsule_lengths(self.class_capsules(images_BCHW, arithmetic)).argmax(1)
