"""Records whose ids are new each time that they are read."""

import uuid


def records(count):
    for number in range(count):
        yield {"id": str(uuid.uuid4()), "number": number}
