"""Records that are the same each time."""


def records(count):
    for number in range(count):
        yield {"id": number, "text": "x" * 50}
