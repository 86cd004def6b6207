"""The interclass confusion test: labels of two classes are swapped before training, and must be unlearned."""
