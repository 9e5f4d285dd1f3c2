"""Numbers of things in a sentence. Standard library only: steps say such sentences, too."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 document``, ``2 documents``.

    Args:
        number: how many there are.
        one: what a single one is called, and whatever else of the sentence depends on it.
        many: the same of several; by default with an ``s`` behind.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
