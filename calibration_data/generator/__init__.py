"""Renders pictures with the statistics of photographs, from random numbers alone."""
