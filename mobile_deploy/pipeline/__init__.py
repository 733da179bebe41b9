"""The jobs of the toolkit as plain calls: each runs stages of the lower floors in order and returns a frozen result."""
