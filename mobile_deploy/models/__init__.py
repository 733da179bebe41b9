"""Keras models: built from the variants' tables, filled with weights, or adopted from the user. Heavy imports stay inside."""
