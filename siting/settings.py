"""Numeric constants of `program`, `engine` and `classics`, with their measured effects.

"Measured: similar" means: six towns were solved with half and twice the constant, and CPU time
changed by at most a fifth (`scripts/vary_settings.py`). The towns have 60 sites and were solved to
a gap of 0.5 %. For shares of 0.5 or more, the distance from 1 was halved and doubled instead. Large
programs were not tried. "Not measured" means that the effect of the constant is not known.

"Row 13" is the row with that number in `docs/performance.md`. Shares are fractions of 1. Gains and
violations are relative. Times (names ending in `_S`) are in seconds. Each step of the search ends
after a fixed number of rounds, turns or nodes, so that a run can be repeated exactly. The clock
ends only steps that could exceed the time limit.
"""

# --- tolerances ---------------------------------------------------------------------------------

ROUNDING = 1e-12  # rounding error of a sum of a few numbers (measured: similar)
SUMMED = 1e-10  # rounding error of a sum that is updated often (measured: similar)
# Two computations of the same figure may differ by this much. HiGHS drops coefficients below this
# value. Measured: similar.
EXACT = 1e-9
NOISE = 1e-8  # rounding error of HiGHS, as a share of the largest objective (measured: similar)
ARITHMETIC = 1e-7  # relative tolerance of a solver (measured: similar)
# Option values, violations and gains below this value are taken as 0. Limits may be exceeded by
# this amount in their unit (a millionth of a rupee, a kilowatt or a station), because sums of
# binary fractions are not exact. Measured: similar.
SIGNIFICANT = 1e-6
# If a plan cannot reach the values of earlier aims again, these values are lowered by the first of
# these shares that is enough. Not measured.
LOSSES = (0.0, 1e-7, 1e-6, 1e-5)
# A smaller share matters to nobody. A program is solved if at most this share of the total worth
# (value of the demand) is in rows that are too small for the solver's tolerances. This share is
# also the gap to which the smallest change of a requirement is computed, and the step to which
# shares are rounded in messages. Not measured.
MINOR_SHARE = 1e-4
ENDLESS = 1e12  # above any measure in any unit; every plan meets it as a gap (not measured)
# Sum of a covering problem's scaled weights, because HiGHS's tolerances are absolute. Not measured.
COVERING_UNITS = 1e4

# --- sizes at which the method changes ----------------------------------------------------------

WHOLE_FIRST = 2_500  # columns up to which HiGHS first solves the whole program (not measured)
WHOLE_NODES = 2_000  # maximum number of nodes in this first solve (not measured)
# Number of columns up to which HiGHS solves the whole program at the end. Ties between plans are
# also broken exactly only up to this number of columns. Plans over years with more columns take
# their bounds from single years. With more courses, only some upgrades are listed. Not measured.
WHOLE_LAST = 150_000
# Number of columns up to which the simplex method computes dual prices, because these are then
# short fractions. Larger programs use the interior point method. Also the number of columns up to
# which an integer program finds the requirements in conflict. Not measured.
SMALL_COLUMNS = 5_000
# Number of pairs above which four rules apply: linked parts are separated together only if no other
# cut is violated; subproblems with money use the interior point method; the construction heuristic
# rounds drive times to steps; column generation starts from rough prices. Measured (Saddar): a
# subproblem takes 1 to 3 s instead of 30 s.
MANY_PAIRS = 50_000
# Number of columns above which the demand served is computed in independent pieces. Not measured.
MANY_COLUMNS = 20_000
# Maximum number of these pieces. Measured (row 16, four years): with up to 12 pieces, computing the
# demand served takes 0.5 s; with two, it takes 3.4 s.
MOST_PIECES = 12
# If the number of pairs times the number of sites exceeds this value, three rules apply: the root
# adds no cuts if column generation solved the relaxation; shrinking a station must save at least
# its shortfall; a constructed plan is not improved by exchanges. Measured: the first rule helps
# Saddar (6.8e7). The second rule improves the plans of row 18 (5.6e8) by 1 to 4 %, but it would
# make the plan of the embedded city (8e6) 0.3 % worse.
LARGE = 50_000_000
MOST_PRICED_PAIRS = 1_000_000  # number of pairs up to which prices are stored; measured: 800 MB
MOST_OPTIONS = 2_000_000  # number of options above which a program is refused (not measured)
KEPT_BYTES = 200e6  # memory for the values of choices already evaluated (not measured)

# --- time ---------------------------------------------------------------------------------------

# Each of the next four values is a share of the remaining time. Steps that may take this share: an
# aim followed by other aims, a first plan under the viability gap, a large program's plan by areas
# (other methods give worse plans there), and the filter of a conflict. Not measured.
MAIN_SHARE = 0.7
# Steps that may take this share: cuts at the root, plans made from them, relaxations, column
# generation for one aim, one horizon in the search for the shortest drive times, and tests of
# single requirements. Not measured.
ROOT_SHARE = 0.6
# Steps that may take this share: a first plan, its repair, the program of a single year, plans made
# from a known relaxation, and slow cuts at the root. Not measured.
START_SHARE = 0.4
# Steps that may take this share: moving stations before the bound on the cost to all and at the
# end, and the relaxation for the aim of shortest drive times. Also the largest share reserved for
# the final flows. Not measured.
LAST_SHARE = 0.1
ENDS = 0.97  # share of the time limit after which only final flows are computed (not measured)
# Time reserved for computing the final flows, as a multiple of the time that earlier flows took.
# Also the time reserved for passing a problem to a solver, as a multiple of the time that writing
# the problem took; and the time that an exact relaxation needs, as a multiple of the time of the
# rough relaxation before it. Not measured.
AGAIN = 3.0
# Time reserved for computing the answer, as a multiple of the time needed to evaluate a plan. Also
# the time that a later aim needs to use all offers again, as a multiple of the time needed to
# prepare the program. Measured: without these reserves, Saddar (row 20) exceeded the time limit by
# 6 s, and a synthetic Lahore over four years exceeded 60 s by 35 s.
FINISH = 8.0
# Time limit for polishing a plan at the end. Also the time reserved for computing the final flows
# if another solver makes the plan. Not measured.
RESERVE_S = 2.0
LEAST_S = 5.0  # minimum time to explain a conflict (not measured)
STUCK_S = 60.0  # time beyond the time limit after which a solver is abandoned (not measured)
REPORT_EVERY_S = 0.1  # time between reports of progress, and checks of a solver (not measured)
# The iterations of an integer program are multiplied by this factor, because its presolve, cuts and
# heuristics take time but are not counted as iterations. Measured: an iteration takes 2 to 5 times
# as long as in a linear program, and 7 to 12 times as long when two plans are combined.
BRANCHED = 5.0
# Building and presolving a new model counts as this many iterations. Measured: it takes as long as
# 1,400 iterations of a small linear program, or 2,700 to 4,900 iterations of a small window or
# combination of plans. In large programs, the number is lower.
COLD = 2500

# --- cuts ---------------------------------------------------------------------------------------

# Maximum number of rounds of cuts at a node. Measured: similar. A cut that stays slack for more
# rounds than this is removed or left out; the effect of this rule was not measured. Also the number
# of rounds for a bound that holds for every choice of yearly budgets. Measured (synthetic Karachi,
# given prices of public money): 2 rounds prove 51,325 kWh/day in 44 CPU s, and 8 rounds prove
# 50,431 in 58 CPU s.
NODE_ROUNDS = 12
# Number of rounds of cuts before the first plan of a program with years. Measured (synthetic
# Karachi and Lahore): two rounds give good prices.
PRICE_ROUNDS = 2
# A round of cuts has stalled if it lowers the bound by less than this share. This share applies at
# the root (measured: similar), in a pool of cuts, and to the prices of a covering problem.
STALLED = 2e-5
# Value used instead of `STALLED` at a node of the tree, and when public money is priced.
# It also applies at the root if cuts are slow there. Not measured.
NODE_STALLED = 2e-4
PRICING_STALLED = 1e-2  # the same share in column generation with links (not measured)
# Rounds of cuts end after this many stalled rounds in succession, and repeated dives end after this
# many without a better plan. So do solves of the integer master problem with all options. The
# estimate of a branching is trusted after this many trials. Measured: similar.
IDLE = 3
IDLE_AT_FIRST = 20  # used before the bound falls; measured: that may take a dozen rounds (row 13)
MANY_ROWS = 150  # slack cuts are removed once there are this many cuts (measured: similar)
# A floor for which no violated cut was found is skipped for up to this number of rounds. Measured
# together with NEAREST_PAIRS: a round takes 1.3 s instead of 4 s.
RESTS = 8
# Cuts are sought at a weighted mean of the relaxed optimum and the previous such mean. This value
# is the weight of the previous mean. Measured: similar.
BACK = 0.8
# The same weight in large programs in which payments are decision variables, because their
# constructed plan may be poor. Measured (little money in the budget): after one minute, the gap is
# 5 to 6 % with this weight and 79 % with `BACK`.
LARGE_BACK = 0.35
FORGOTTEN = 0.05  # in these programs, option values below this are set to 0 (not measured)
# Cuts are sought between a choice (0) and the optimum (1), at this position. Measured: similar.
TOWARDS = 0.3
# Charge on spending the whole budget, as a share of the worth of all demand. Measured: similar.
THRIFT = 0.01
LEVELS = 256  # levels to which the values per kWh of many pairs are rounded up (not measured)
# Number of pairs that each row has in a first linear program and in a first window: the nearest or
# the most valuable pairs. Pricing adds other pairs; a cut is valid even without them. With links,
# the same number of pairs with the nearest stations of the relaxation is added. If a plan is known,
# half of a row's first pairs are with the plan's stations, and links add half as many. This number
# doubles each time a window grows. Measured: a window of the embedded city takes 0.1 s; with all
# pairs, it takes 3 to 15 s.
NEAREST_PAIRS = 8
LINK_BROKEN = 0.01  # violation above which a link is added (not measured)
# Penalty for money above a site's cap, as a multiple of that for a shortfall. Measured: similar.
CAP_PENALTY = 100.0
# Prices tried for a rupee of a viability gap, as shares of the price of public money. Not measured.
GAP_PRICES = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
# Number of halvings in the search for the best price of a viability gap, and for a first plan with
# the least public money. Measured (embedded city): with 4 halvings, the bound is 0.13 % higher;
# with 16, it is 0.001 % lower.
HALVINGS = 8

# --- first plans --------------------------------------------------------------------------------

# The construction heuristic takes several options at once if their rates (gains per rupee) are at
# least this share of the best rate. Measured: similar.
TOGETHER = 0.95
# Groups within this distance of the lowest share served count as worst served. Measured: similar.
WORST = 0.05
# Weight of a rupee of a station's costs (its need) relative to a rupee of public money. The
# construction heuristic uses the first value; the greedy plan tries all of them. Not measured.
OWN_MONEY = (0.02, 0.2, 1.0)
NEARER = 0.03  # share by which the longest drive reduces the weight of a kWh (not measured)
# In large programs, drive times are rounded up to multiples of the longest drive time divided by
# this number, so that more pairs have equal weights. Not measured.
NEARER_STEPS = 8
# Thresholds tried in turn: options whose relaxed value reaches the threshold are rounded up. Not
# measured.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
# Thresholds that are tried in turn: sites whose value in the relaxation reaches the threshold keep
# their stations in a viable plan. Measured (embedded city): plans serve 12,664 kWh/day with the
# threshold 0.9, 13,069 with 0.6 and 0.5, and 10,059 with 0.4. Once a step of a dive has used
# DIVE_STEP, it fixes only options whose value is at least the first threshold (measured: similar).
WHOLE_FROM = (0.9, 0.6, 0.5)
# Cost of an unmet row, relative to the largest possible objective. Measured: similar.
MISSED_PENALTY = 5.0
DIVE_STEP = 0.05  # share of the scarcest resource that a step of a dive uses (not measured)

# --- offers priced in ---------------------------------------------------------------------------

MANY_OFFERS = 12  # mean number of offers per site above which pricing adds offers (not measured)
AT_ONCE = 3  # maximum number of offers per site, or pairs per row, added at once (not measured)
# Relative gap of the first relaxation, whose prices only help to find missing columns; the second
# value applies if the aim counts driving times, because a bound may then follow from these prices.
# Measured: with 0.1, row 18 takes 7 s instead of 25 s. With 0.02 and the aim `LeastCostToAll`, the
# bound for Saddar without public money is 0.5 % below the exact one; with 0.1, it is 19 % below.
ROUGH = (0.1, 0.02)
RELAXED_GAP = 0.02  # gap of a relaxation, as a share of the requested gap (not measured)
# Number of options per site that are kept besides those in the relaxation. Measured: with 0, the
# plan of row 20 serves 2 % less; with 2, the plan of row 19 is as good as with 5.
BESIDE = 5
WIDER = 3.0  # maximum number of options added, as a multiple of those present (not measured)
KEPT = 0.2  # share of an aim's gap by which later aims may worsen its value (not measured)

# --- exchange -----------------------------------------------------------------------------------

# Maximum number of exchanges tried in a pass. An exchange starts with a change to a cheaper option
# or to no option; at most this many such changes are considered. Not measured.
TRIES = 250
DENSE = 0.05  # a row used by more than this share of options is dense (measured: similar)
# Maximum number of branchings tried at a node, of free sites tried for a station, and of rounded
# relaxations made viable in a turn. With decay, a row also keeps this many of the best stations
# outside a window. Measured (a quarter of row 13's city, shortest drive times): if rows keep 12
# such stations, drive times are 14 % longer.
CANDIDATES = 8
MOST_VALUED = 60  # maximum number of changes that are evaluated one by one (not measured)

# --- windows ------------------------------------------------------------------------------------

# Number of sites in a first window, and maximum number of options that a kick (a random change of a
# covering plan) removes. Not measured.
FIRST_SIZE = 10
# Once all windows of one size have been tried, their size is multiplied by this factor. The areas
# that lower the bound grow by the same factor. In a large program, the expected time of a turn of
# areas is the time of the turn before, times the square of this factor. Measured (row 18):
# successive turns took 13, 35 and 85 s.
GROWTH = 1.6
SECONDS = 15.0  # maximum time to solve a window, a safeguard that seldom binds (not measured)
# Gap to which a window is solved. With decay, or if payments are decision variables, the first gap
# is ten times this value. Measured (row 15): windows of four sites need 3 to 15 s to reach 0.2 %.
WINDOW_GAP = 2e-4
# With decay, windows keep only this number of best sites for each row. Measured (row 16): with all
# pairs, the gap is 1.26 % instead of 0.98 %.
BEST_SITES = 12

# --- tree and turns -----------------------------------------------------------------------------

# A plan is made at each of a tree's first PLAN_EVERY nodes, and then once every PLAN_EVERY nodes or
# rounds. Measured: with the first 30 nodes, the embedded city has the same plans (seeds 1 to 3).
PLAN_EVERY = 10
# Stations are counted by kind if there are at most this many kinds. Also the maximum number of
# these counts on which branching is tried at a node. Not measured.
MOST_COUNTS = 40
ROUNDS = 6  # rounds of solves of windows, or of the root's cuts, in a turn (not measured)
# Number of sites in an area. Plans are built area by area, and areas also yield a bound on all
# plans. Measured (row 18, PKR 0): a plan built with areas of 15 sites serves 84,400 kWh/day. Areas
# of 22 sites give 84,700 kWh/day in twice the time; areas of 8 sites give 84,000.
AREA = 15
# Two plans that differ at more sites than this are combined (crossed) in areas of this many sites.
# Measured (row 18, PKR 0): combining plans of 84,518 and 84,420 kWh/day gives 84,884 kWh/day in
# 17 s (areas of 50 sites), 85,089 in 21 s (100) and 85,084 in 23 s (130). With areas of 15
# sites, combining two other plans gained a fifth as much as without areas. Without areas, combining
# two plans that differ at 402 sites gained nothing in 60 s.
CROSSED = 100
# Before an area is solved, the price of money is set to its price in the relaxation, multiplied by
# (share of the budget used) ** SCARCITY. Measured (row 18, six crossovers): with PKR 20 million,
# the plan serves 84,502 kWh/day with exponent 3, 84,418 with exponent 1, and 84,256 with a fixed
# price (half the relaxation's price). With PKR 200 million, it serves 90,333 kWh/day with exponent
# 3, 89,859 with exponent 10, and 88,336 with the fixed price.
SCARCITY = 3.0
# Work of a turn, in iterations × nonzeros. Measured: with 5e8, the tree for Islamabad's sectors
# (row 20) solved one node per turn.
TURN = 2e9
PROGRAM_GAP = 0.6  # gap of the integer master problem / requested gap (measured: similar)
# Maximum number of nodes in a first integer master problem, and in a window. Not measured.
PROGRAM_NODES = 100
# If a solve of the integer master problem finds no better plan, the next solve may use this many
# times as many options or, once it has all options, this many times as many nodes. In the first
# solve, the number of options per station of the relaxation is the square of this number. Kicks
# (random changes of a plan) after the cuts get this many times the work of the kicks before the
# cuts. None of these uses is measured. Building another plan area by area is expected to take this
# many times the work of the plan before. Measured (row 18, PKR 0, 20 and 1,000 m): a second such
# plan, combined with the first, gained 459, 917 and 330 kWh/day; a third plan gained 92, 0 and 28.
MORE = 4

# --- drives and payments ------------------------------------------------------------------------

# Horizons in the search for the shortest drive times, as multiples of the longest drive.
FIRST_HORIZON = 3.0  # first horizon, which is also the shortest (not measured)
FIRST_HORIZON_OF_GAP = 10.0  # first horizon under the viability gap (not measured)
LONGEST_HORIZON = 50.0  # longest horizon (not measured)
TURNS = 12  # number of turns at the first horizon (not measured)
# Penalty for a rupee above a year's money; the penalty for a year too early is 1. Not measured.
OVER = 1e4

# --- covering -----------------------------------------------------------------------------------

PATCHES = 120  # number of patches into which the demand is divided (not measured)
SUBGRADIENT_STEPS = 150  # number of steps that find the prices of a covering problem (not measured)
SUBGRADIENT_PATIENCE = 12  # steps without a better bound before steps become shorter (not measured)
FIRST_WORK = 1_000  # work of random changes (kicks) before the cuts, per pair (not measured)
# Work counted for a change of a plan, in addition to the work that depends on its size. Also the
# minimum number of pairs by which `FIRST_WORK` is multiplied. Not measured.
LEAST_WORK = 50_000
# Tolerance when a bound is rounded down, by the weights' common divisor. Not measured.
STEP_SURE = 0.01

# --- messages and conflicts ---------------------------------------------------------------------

# Number of floors or limits that a message lists before it only counts the others. Of requirements
# whose change does not help, a message shows twice as many. Not measured.
LISTED = 6
# A requirement is changed by the amount that a relaxation shows plus a share of the requirement's
# figure. These shares are tried in turn. Each test may take the remaining time divided by their
# number. Not measured.
CONFLICT_STEPS = (0.3, 0.08, 0.02, 0.005)
