"""MobileNets as data: tables of rows, the layers they expand to, and what those cost. No TensorFlow."""
