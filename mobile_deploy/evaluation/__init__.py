"""How good a file is: accuracy on labelled pictures with its interval, and closeness to another file."""
