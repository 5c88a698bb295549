"""Numbers of rows at which the defaults of a fit change."""

# Tables of at most this many rows are small: they are fitted in full batches.
SMALL = 1000
# Small tables of at least this many rows have enough to stop the training of their trees, and of
# fewer than the second number hold out twice the share for it.
STOPPING, FEW = 50, 500
# Tables of at least this many rows have enough to hold some out by default.
ENOUGH = 100
# Most rows that are held out by default.
MOST_HELD = 5000
