"""Leaves out each hundredth record that it sees, whichever that is."""

seen = 0


def change(record):
    global seen  # noqa: PLW0603 (what is wrong with it)
    seen += 1
    return record if seen % 100 else None
