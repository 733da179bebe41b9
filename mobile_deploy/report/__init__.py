"""How results are shown to people: tables for terminals, files and notebooks."""
