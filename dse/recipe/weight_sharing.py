"""Weight sharing: which weights of the CapsNet are one and the same."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dse.errors import RecipeError
from dse.section import Section


class WeightSharing(Section):
    """Where weights are shared or cut (Marchisio et al. 2019, section on complexity).

    >>> WeightSharing(class_capsules="per_type", decoder="reduced").label
    'per_type, reduced decoder'
    """

    refusal = RecipeError

    class_capsules: Literal["none", "per_type"] = Field(
        default="none",
        description="per_type: all positions of a capsule type share their class-capsule matrices",
    )
    decoder: Literal["full", "reduced", "none"] = Field(
        default="full",
        description="reduced: the decoder is fed the chosen class capsule alone; none: there is no decoder",
    )
    convolution: int = Field(
        default=1, ge=1, description="how many channels of the first convolution share one filter"
    )
    primary_capsules: int = Field(
        default=1, ge=1, description="how many channels of the primary capsules share one filter"
    )

    @property
    def is_none(self) -> bool:
        """Whether nothing is shared or cut."""
        return self == WeightSharing()

    @property
    def label(self) -> str:
        """What differs from no sharing, in a few words."""
        parts: list[str] = []
        parts += [self.class_capsules] if self.class_capsules != "none" else []
        parts += (
            [f"{'no' if self.decoder == 'none' else self.decoder} decoder"] if self.decoder != "full" else []
        )
        parts += [f"convolution /{self.convolution}"] if self.convolution > 1 else []
        parts += [f"primary /{self.primary_capsules}"] if self.primary_capsules > 1 else []
        return ", ".join(parts) or "none"
