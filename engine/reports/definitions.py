"""Which meaning the figures have. docs/metrics.md says each of them in words; a test holds its names to the code's."""

from typing import Final

# Changes whenever a figure comes to mean something else, so that a frozen report says by which book it was counted.
DEFINITIONS: Final = "2027-1"
