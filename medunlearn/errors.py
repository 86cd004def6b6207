class InputError(ValueError):
    """Something that the user gave is wrong, and the user can put it right.

    The message is one line that names the argument, its value and the remedy. The command line prints it and ends with
    status 2; from Python it is a `ValueError`.
    """
