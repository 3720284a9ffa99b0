"""The models as numbers: sizes, weights and multiplications. No torch here.

The layers are built from the same sizes in ``dse.networks``, and a test compares the weights of both.
"""
