"""Regime models: jump models, hidden Markov chains and mixtures, and views drawn from them."""

from tiltwise.models.regimes.jump_model import JumpModel as JumpModel
from tiltwise.models.regimes.jump_model import SparseJumpModel as SparseJumpModel
