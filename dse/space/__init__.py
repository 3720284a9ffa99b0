"""Search spaces: YAML files from which recipes are drawn."""
