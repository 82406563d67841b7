"""Kubroker: what its Lambda functions share. Imports go one way only, see docs/decisions.md."""

import gc

# A cold start makes some 200,000 objects and frees none: looking through them again and again is
# a tenth of its time. A request makes far fewer than this, so memory stays level.
gc.set_threshold(100_000, 50, 50)
