"""What the property-based tests share: made-up records as JSON has them."""

from hypothesis import settings
from hypothesis import strategies as st

# Without a database of examples in the working directory, and whatever the machine's speed.
PROPERTY = settings(database=None, deadline=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    texts
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(texts, values, max_size=8)
