"""How fast training is, beside the authors' code and what the machine allows."""
