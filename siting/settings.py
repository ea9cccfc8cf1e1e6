"""Numeric constants of program, engine and classics: meaning and measured effect.

"Alike from a to b": with half and with double the value (for a share: half and twice its distance
from 1), six towns of 60 sites were planned to the gap asked for, 0.5 %, in the same CPU time within
a fifth (`scripts/vary_settings.py`). Large programs were not tried. "Not measured": no range is
known in which the value does not matter. Row numbers refer to `docs/performance.md`. Shares are
fractions of 1, gains and violations are relative, and times (`_S`) are in seconds. Steps end after
a number of rounds, turns or nodes, so that two runs are equal. The clock ends only steps that could
last longer than the user waits.
"""

# --- tolerances ---------------------------------------------------------------------------------

ROUNDING = 1e-12  # rounding of a sum of few numbers; alike from 5e-13 to 2e-12
SUMMED = 1e-10  # rounding of sums that are updated many times; alike from 5e-11 to 2e-10
# Largest difference between two computations of one figure; HiGHS drops smaller coefficients.
# Alike from 5e-10 to 2e-9.
EXACT = 1e-9
NOISE = 1e-8  # HiGHS's rounding, as a share of the largest objective; alike from 5e-9 to 2e-8
ARITHMETIC = 1e-7  # relative tolerance of a solver; alike from 5e-8 to 2e-7
SIGNIFICANT = 1e-6  # least option value, violation and gain that matter; alike from 5e-7 to 2e-6
# Tolerance of limits (a millionth of a rupee, kilowatt or station) and of shares that add up to
# one, because sums of binary fractions are not exact. Alike from 5e-7 to 2e-6.
LIMIT_TOLERANCE = 1e-6
# Distance from an integer within which a count is taken as an integer, while sites are left to
# branch on; also the value below which a relaxed covering takes no option. Not measured.
COUNTED = 1e-3
# Shares of reached values given up in turn until the service is feasible. Not measured.
LOSSES = (0.0, 1e-7, 1e-6, 1e-5)
FAINT_SHARE = 1e-4  # largest share of all worth in rows that a solver may ignore; not measured
ENDLESS = 1e12  # bound on any measure, in its unit, and gap that any plan meets; not measured
SPECK = 1e-30  # lower side of a limit that any plan meets; not measured
# Sum to which a covering's weights are scaled, because HiGHS's tolerances are absolute. Not
# measured.
COVERING_UNITS = 1e4

# --- sizes at which the method changes ----------------------------------------------------------

WHOLE_FIRST = 2_500  # columns up to which a program is first solved whole; not measured
WHOLE_NODES = 2_000  # nodes of this first solve; not measured
WHOLE_LAST = 150_000  # columns up to which a last solve is whole and ties are broken; not measured
# Columns up to which prices are found at a vertex (short fractions), and conflicts by an integer
# program. Larger programs use the interior point method. Not measured.
SMALL_COLUMNS = 5_000
# Columns above which a linear program is solved in independent pieces; not measured
MANY_COLUMNS = 20_000
MOST_PIECES = 12  # largest number of independent pieces; not measured
# Pairs or columns above which linked parts are separated only if nothing else gives a cut, and
# subproblems with money use the interior point method. Measured (Saddar): 1 to 3 s instead of 30 s.
SLOW_SUBPROBLEM = 50_000
MANY_PAIRS = 100_000  # pairs above which construction weighs drives in steps; not measured
LARGE = 200_000_000  # pairs × sites above which plans are constructed, not exchanged; not measured
MOST_PRICED_PAIRS = 1_000_000  # pairs up to which prices are stored; measured: 800 MB of memory
MOST_OPTIONS = 2_000_000  # courses above which a program is refused; not measured
KEPT_BYTES = 200e6  # memory for valued choices; not measured

# --- time ---------------------------------------------------------------------------------------

# Shares of the time left that a step may take.
MAIN_SHARE = 0.7  # an aim that others follow, and the filter of a conflict; not measured
ROOT_SHARE = 0.6  # cuts at the root, and requirements tried alone; not measured
START_SHARE = 0.4  # a first plan, and the last year alone; not measured
SIDE_SHARE = 0.3  # years, restricted programs, and recovery of lost worth; not measured
LAST_SHARE = 0.1  # the final exchange and, at most, the reserve for the service; not measured
LONG_ROOT_ENDS = 0.45  # the root where cuts are slow; not measured
DRAWN_ROOT_ENDS = 0.25  # the root with payments by year; not measured
START_OF_GAP = 0.7  # a first plan under the viability gap (other plans are worse); not measured
PRICING = 0.6  # pricing within an aim; not measured
HORIZON_SHARE = 0.65  # one horizon in the search for the shortest drives; not measured
ENDS = 0.97  # share of the time limit by which the search ends; not measured
SERVED_AFTER = 3.0  # the search ends earlier by this multiple of the service's time; not measured
# Time kept for the answer, as a multiple of the time to value a plan. Measured: without it Saddar
# (row 20) was 6 s late.
FINISH = 8.0
POLISH_S = 0.5  # seconds to polish a plan at the end; not measured
POLISH_SHARE = 0.02  # and, in addition, this share of the time so far; not measured
RESERVE_S = 2.0  # seconds for the service after another solver; not measured
HANDED_OVER = 2.0  # time to pass a problem on, as a multiple of the time to write it; not measured
LEAST_S = 5.0  # seconds to explain a conflict, at least; not measured
WAIT_S = 0.05  # seconds between two checks of a running solver; not measured
REPORT_EVERY_S = 0.2  # seconds between two reports of progress; not measured
# Factor on the iterations of an integer program, for presolve, cuts and heuristics. Measured: an
# iteration takes 2 to 5 times as long as in a linear program.
BRANCHED = 3.0

# --- cuts ---------------------------------------------------------------------------------------

CUT_ROUNDS = 200  # rounds of cuts at the root; not measured
NODE_ROUNDS = 12  # rounds of cuts at a node; alike from 6 to 24
# Rounds of cuts before a plan over years. Measured: two give good prices (made-up Karachi).
PRICE_ROUNDS = 2
# Rounds of cuts end once a round lowers the bound by less than this share.
STALLED = 1e-5  # in a pool of cuts, and at the prices of a covering; not measured
ROOT_STALLED = 2e-5  # at the root; alike from 1e-5 to 4e-5
LONG_STALLED = 5e-4  # at the root where cuts are slow; not measured
NODE_STALLED = 2e-4  # at a node; not measured
PRICE_STALLED = 1e-4  # for the price of a rupee; not measured
PRICING_STALLED = 5e-3  # with links, while offers are priced in; not measured
IDLE = 3  # rounds of cuts, or dives, in a row that gain too little; alike from 1 to 6
# The same until the bound first falls. Measured: that may take a dozen rounds (row 13).
IDLE_AT_FIRST = 20
SLACK_ROUNDS = 12  # rounds after which a slack cut is removed; not measured
MANY_ROWS = 150  # rows from which cuts are removed; alike from 75 to 300
POOL_MANY = 300  # cuts of a pool above which slack ones are left out; not measured
POOL_RESTS = 40  # relaxations in a row in which such a cut was slack; not measured
# Largest number of rounds that an energy without a violated cut rests. Measured with FIRST_PAIRS: a
# round takes 1.3 s instead of 4 s.
RESTS = 8
BACK = 0.8  # weight of the last point in the point of separation; alike from 0.6 to 0.9
# The same for large programs that decide on money, where the constructed plan may be poor. Measured
# (one minute, little money): the gap is 5 to 6 %; with 0.8 it is 79 %.
LARGE_BACK = 0.35
FORGOTTEN = 0.05  # options at or below this value leave that point; not measured
TOWARDS = 0.3  # step from a choice towards the optimum; alike from 0.15 to 0.6
THRIFT = 0.01  # small charge on all money, as a share of all worth; alike from 0.005 to 0.02
LEVELS = 256  # steps that the worths of many pairs are rounded up to; not measured
WORTHS_SEEN = 1_000  # pairs whose different worths are counted first; not measured
# Pairs of each row in a first model; others are priced in, and a cut is valid without them.
FIRST_PAIRS = 4  # pairs with the most worth; measured: see RESTS
# Nearest pairs, in subproblems with money and in the relaxation; measured: see SLOW_SUBPROBLEM.
NEAREST_PAIRS = 8
PRICE_IN_ROUNDS = 20  # rounds of adding pairs or links, at most; not measured
LINK_BROKEN = 0.01  # violation from which a link is added; not measured
# Penalty on a site's need above its cap, as a multiple of that on a shortfall. Alike from 50 to
# 200.
CAP_PENALTY = 100.0
# Prices of a site's gap tried, as shares of the price of public money.
GAP_PRICES = (0.0, 0.5, 1.0)  # in a cut; not measured
BOUND_GAP_PRICES = (0.0, 0.25, 0.5, 0.75, 2.0)  # in the bound on all offers; not measured
# Number of halvings of the interval around the best price. Measured: with 4 the bound of the
# embedded city is 0.13 % higher than with 8; with 8 it is 0.001 % higher than with 16.
HALVINGS = 8

# --- first plans --------------------------------------------------------------------------------

TOGETHER = 0.95  # share of the best rate for options chosen together; alike from 0.9 to 0.975
HURRIED = 4  # rounds of construction after time is up; not measured
FLOOR_WEIGHT = 20.0  # weight of a kWh towards an unmet floor, in kWh served; alike from 10 to 40
WORST = 0.05  # distance from the lowest share of a worst-off group; alike from 0.025 to 0.1
# Weight of a rupee of need relative to a rupee of public money. Construction uses the first, the
# greedy plan tries all. Not measured.
OWN_MONEY = (0.02, 0.2, 1.0)
NEARER = 0.03  # share by which a kWh counts less after the longest drive; not measured
NEARER_STEPS = 8  # steps of this share in large programs, to merge equal pairs; not measured
# Thresholds for rounding a relaxation up. Not measured.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
STARTS = 3  # plans that the search starts from; not measured
SOWN = 8  # budgets tried for the least expensive first plan; not measured
# A site with at least this value keeps its station when a relaxation is made viable. Each value is
# tried. Measured (embedded city): 12,664 kWh/day from 0.9, 13,069 from 0.6 or 0.5, 10,059 from 0.4.
WHOLE_FROM = (0.9, 0.6, 0.5)
MISSED_PENALTY = 5.0  # cost of a missed row, as a multiple of the largest aim; alike from 2.5 to 10
DIVE_STEP = 0.05  # share of the scarcest resource that a step of a dive takes; not measured
# Beyond DIVE_STEP a step still takes the options whose relaxed value is at least this. Alike from
# 0.8 to 0.95.
DIVE_WHOLE = 0.9
MOST_STEPS = 1_000  # steps of dives, sums of money, rounds of a covering, at most; not measured

# --- offers priced in ---------------------------------------------------------------------------

MANY_OFFERS = 12  # mean number of offers a site above which they are priced in; not measured
AT_ONCE = 3  # offers of a site, and energies of a row, added at a time; not measured
PRICING_ROUNDS = 30  # rounds of pricing; not measured
RELAXED_GAP = 0.02  # share of the gap that a relaxation may leave open; not measured
# Options of each site kept in addition to the relaxation's. Measured: with 0 the sectors end 2 %
# lower (row 20); 2 and 5 are alike (row 19).
BESIDE = 5
WIDENED = 4  # rounds of adding offers that may be better, at most; not measured
WIDER = 3.0  # largest number added, as a multiple of the options priced in; not measured
WIDER_ALWAYS = 500  # number that may be added in any case; not measured
KEPT = 0.2  # share of an aim's gap that later aims may give up; not measured

# --- exchange -----------------------------------------------------------------------------------

TRIES_A_PASS = 300  # changes tried in a pass; not measured
STEPS_DOWN_A_PASS = 250  # stations tried smaller or closed in a pass; not measured
PASSES = 60  # passes, at most; not measured
DENSE = 0.05  # share of options from which a row is kept dense; alike from 0.025 to 0.1
MOST_DENSE = 60  # dense rows, at most; not measured
CANDIDATES = 8  # branchings tried at a node, and free sites tried for a station; not measured
SERVICE_ROUNDS = 6  # rounds of moving stations and computing their service again; not measured
MOST_VALUED = 60  # changes with a good bound valued one by one; not measured

# --- windows ------------------------------------------------------------------------------------

FIRST_SIZE = 10  # sites of a window; not measured
HARD_SIZE = 6  # with payments by year; measured: four sites have 50,000 columns (row 15)
GROWTH = 1.6  # factor on the size of windows once all of a size were tried; not measured
WINDOW_NODES = 120  # nodes of a window; not measured
SECONDS = 15.0  # seconds of a window, a safeguard that seldom binds; not measured
HARD_SECONDS = 6.0  # with payments by year; not measured
# Gap of a window; at first ten times as wide with decay or decided payments, where windows are
# hard. Measured: windows of four sites need 3 to 15 s for a gap of 0.2 % (row 15).
WINDOW_GAP = 2e-4
BEST_SITES = 12  # with decay, the best sites kept for a row; not measured
BEST = 8  # with decay, the best stations kept outside a window; not measured
# First number of pairs of a row inside and outside a window, besides the pairs in use. Measured
# (embedded city): a window takes 0.1 s; with all pairs it takes 3 to 15 s.
WINDOW_PAIRS = 3

# --- tree and turns -----------------------------------------------------------------------------

RELIABLE = 2  # trials of a branching after which its estimate is trusted; alike from 1 to 4
FIRST_NODES = 30  # first nodes, at each of which plans are made; not measured
PLAN_EVERY = 10  # nodes, rounds or iterations between two plans later; not measured
MOST_COUNTS = 40  # kinds of options counted, and counts tried at a node; not measured
WINDOW_ROUNDS = 6  # rounds of windows in a turn; not measured
NODES = 40  # nodes of the tree in a turn; measured: 0.1 to 3 s each under the viability gap
# Work of a turn, in iterations × nonzeros. Measured: with 5e8 the tree of row 20's sectors had one
# node a turn.
TURN = 2e9
PROGRAM_GAP = 0.6  # share of the gap for the integer master problem; alike from 0.2 to 0.8
PROGRAM_NODES = 100  # nodes in its first turn; not measured
MORE_NODES = 4  # factor on the nodes for the next turn; not measured
MOST_NODES = 5_000  # largest number of nodes in a turn; not measured

# --- drives and service -------------------------------------------------------------------------

# Horizon of the shortest drives, as a multiple of the longest drive.
FIRST_HORIZON = 3.0  # the first and shortest; not measured
FIRST_HORIZON_OF_GAP = 10.0  # the first under the viability gap; not measured
LONGEST_HORIZON = 50.0  # the longest; not measured
TURNS = 12  # turns of a horizon at first; not measured
OVER = 1e4  # weight of a rupee above a year's money; a rupee paid a year ahead has 1; not measured

# --- covering -----------------------------------------------------------------------------------

PATCHES = 120  # number of patches; not measured
COVERING_TOWARDS = 0.8  # step of the point of separation towards the optimum; not measured
FEW_PATCHES = 0.1  # if fewer patches than this share get a cut, the optimum is cut; not measured
SUBGRADIENT_STEPS = 500  # steps for the first prices; not measured
SUBGRADIENT_AGAIN = 150  # steps for later ones; not measured
SUBGRADIENT_PATIENCE = 12  # steps without a better bound before steps shorten; not measured
SUBGRADIENT_SHRINK = 0.6  # factor by which steps shorten; not measured
SUBGRADIENT_SHORTEST = 1e-3  # share of the first length below which steps end; not measured
SUBGRADIENT_INERTIA = 0.7  # weight of the previous direction; not measured
FIRST_WORK = 1_000  # work of the kicks for each pair, before the cuts; not measured
MORE_WORK = 4_000  # the same after the cuts; not measured
NODE_WORK = 25  # the same with each node of the tree; not measured
LEAST_WORK = 50_000  # fixed work of a change, and pairs of a program at least; not measured
TIRED = 0.5  # kicks end after this share of the work without a better plan; not measured
FEWEST_OUT = 3  # options that a kick removes, at least; not measured
MOST_OUT = 10  # options that a kick removes, at most; not measured
WORSE = 0.01  # loss within which a plan may be kicked next; not measured
BACK_AFTER = 200  # kicks without a better plan before a return to the best; not measured
NARROWER = 0.6  # share of the pairs below which the program is built again; not measured
STEP_SURE = 0.01  # tolerance in multiples of the weights' common divisor; not measured

# --- messages and conflicts ---------------------------------------------------------------------

FAR = 1.0  # larger gaps come first in messages and set the exit code; not measured
MOST_TOLD = 1e4  # gap above which messages omit its figure; not measured
LISTED = 6  # floors or limits that a message names; it only counts the others; not measured
REQUIREMENTS_LISTED = 12  # requirements shown without a known change; not measured
CONFLICT_PARTS = 4  # a test of a conflict may take the time left divided by this; not measured
CONFLICT_STEPS = (0.3, 0.08, 0.02, 0.005)  # steps beyond the relaxation's figures; not measured
CONFLICT_GAP = 1e-4  # gap of the excess, and step to which shares are rounded; not measured
