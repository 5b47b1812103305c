"""What the command lines of the Python peers share."""


def positive(word: str) -> int:
    """Parse a whole number above zero."""
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number
