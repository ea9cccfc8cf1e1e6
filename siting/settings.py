"""Numeric constants of `program`, `engine` and `classics`, with their measured effects.

"CPU time is similar from a to b" means: six towns were solved with the constant at a and at b, and
CPU time changed by at most a fifth (`scripts/vary_settings.py`). The towns have 60 sites and were
solved to a gap of 0.5 %. The values a and b are half and twice the constant. For shares of 0.5 or
more, the distance from 1 was halved and doubled instead. Large programs were not tried. "Not
measured" means that no such range is known.

"Row 13" is the row with that number in `docs/performance.md`. Shares are fractions of 1. Gains and
violations are relative. Times (names ending in `_S`) are in seconds. Each step of the search ends
after a fixed number of rounds, turns or nodes, so that a run can be repeated exactly. The clock
ends only steps that could exceed the time limit.
"""

# --- tolerances ---------------------------------------------------------------------------------

# Rounding error of a sum of a few numbers. Measured: CPU time is similar from 5e-13 to 2e-12.
ROUNDING = 1e-12
# Rounding error of a sum that is updated often. Measured: CPU time is similar from 5e-11 to 2e-10.
SUMMED = 1e-10
# Two computations of the same figure may differ by this much. HiGHS drops coefficients below this
# value. Measured: CPU time is similar from 5e-10 to 2e-9.
EXACT = 1e-9
# Rounding error of HiGHS, as a share of the largest objective value. Measured: CPU time is similar
# from 5e-9 to 2e-8.
NOISE = 1e-8
ARITHMETIC = 1e-7  # relative tolerance of a solver; measured: CPU time is similar from 5e-8 to 2e-7
# Option values, violations and gains below this value are taken as 0. Limits may be exceeded by
# this amount in their unit (a millionth of a rupee, a kilowatt or a station), because sums of
# binary fractions are not exact. Measured: CPU time is similar from 5e-7 to 2e-6.
SIGNIFICANT = 1e-6
# If a plan cannot reach the values of earlier aims again, these values are lowered by the first of
# these shares that is enough. Not measured.
LOSSES = (0.0, 1e-7, 1e-6, 1e-5)
# A program is not solved if more than this share of the total worth (value of the demand) is in
# rows that are too small for the solver's tolerances. Not measured.
FAINT_SHARE = 1e-4
# A number larger than any measure, in any unit; also a gap that every plan meets. Not measured.
ENDLESS = 1e12
# The weights of a covering problem are scaled to this sum, because HiGHS's tolerances are absolute.
# Not measured.
COVERING_UNITS = 1e4

# --- sizes at which the method changes ----------------------------------------------------------

# Number of columns up to which HiGHS first solves the whole program. Not measured.
WHOLE_FIRST = 2_500
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
# Number of columns above which the demand that a plan serves is computed in independent pieces.
# Not measured.
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
# aim followed by other aims, a first plan under the viability gap and a large program's plan built
# area by area (other methods give worse plans there), and the filtering of a conflict. Not
# measured.
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
# Share of the time limit after which only the flows of the final plan are computed (not measured)
ENDS = 0.97
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
# Time between two reports of progress, and between two checks of a running solver. Not measured.
REPORT_EVERY_S = 0.1
# The iterations of an integer program are multiplied by this factor, because its presolve, cuts and
# heuristics take time but are not counted as iterations. Measured: an iteration takes 2 to 5 times
# as long as in a linear program, and 7 to 12 times as long when two plans are combined.
BRANCHED = 5.0
# Building and presolving a new model counts as this many iterations. Measured: it takes as long as
# 1,400 iterations of a small linear program, or 2,700 to 4,900 iterations of a small window or
# combination of plans. In large programs, the number is lower.
COLD = 2500

# --- cuts ---------------------------------------------------------------------------------------

# Maximum number of rounds of cuts at a node. Measured: CPU time is similar from 6 to 24. A cut that
# stays slack for more rounds than this is removed or left out; the effect of this rule was not
# measured. Also the number of rounds for a bound that holds for every choice of yearly budgets.
# Measured (synthetic Karachi, given prices of public money): 2 rounds prove 51,325 kWh/day in
# 44 CPU s; 8 rounds prove 50,431 in 58 CPU s.
NODE_ROUNDS = 12
# Number of rounds of cuts before the first plan of a program with years. Measured (synthetic
# Karachi and Lahore): two rounds give good prices.
PRICE_ROUNDS = 2
# A round of cuts has stalled if it lowers the bound by less than this share. This share applies at
# the root, in a pool of cuts, and to the prices of a covering problem. Measured: CPU time is
# similar from 1e-5 to 4e-5 (root).
STALLED = 2e-5
# Value used instead of `STALLED` at a node of the tree, and when public money is priced.
# It also applies at the root if cuts are slow there. Not measured.
NODE_STALLED = 2e-4
PRICING_STALLED = 5e-3  # the same share in column generation with links (not measured)
# Rounds of cuts end after this many stalled rounds in succession, and repeated dives end after this
# many without a better plan. The estimate of a branching is trusted after this many trials.
# Measured: CPU time is similar from 1 to 6.
IDLE = 3
# Used instead of IDLE until the bound falls for the first time. Measured: the first fall may take a
# dozen rounds (row 13).
IDLE_AT_FIRST = 20
# Slack cuts are removed once there are this many cuts. Measured: CPU time is similar from 75 to
# 300.
MANY_ROWS = 150
# A floor for which no violated cut was found is skipped for up to this number of rounds. Measured
# together with NEAREST_PAIRS: a round takes 1.3 s instead of 4 s.
RESTS = 8
# Cuts are sought at a weighted mean of the relaxed optimum and the previous such mean. This value
# is the weight of the previous mean. Measured: CPU time is similar from 0.6 to 0.9.
BACK = 0.8
# The same weight in large programs in which payments are decision variables, because their
# constructed plan may be poor. Measured (little money in the budget): after one minute, the gap is
# 5 to 6 % with this weight and 79 % with `BACK`.
LARGE_BACK = 0.35
FORGOTTEN = 0.05  # in these programs, option values below this are set to 0 (not measured)
# Cuts are sought at a point between a choice (0) and the optimum (1), at this position. Measured:
# CPU time is similar from 0.15 to 0.6.
TOWARDS = 0.3
# Charge on spending the whole budget, as a share of the worth of all demand. Measured: CPU time is
# similar from 0.005 to 0.02.
THRIFT = 0.01
# If there are many pairs, their values per kWh are rounded up to this number of levels. Not
# measured.
LEVELS = 256
# Number of pairs whose values per kWh are compared first. If many of these values differ, the other
# pairs are not compared. Measured (row 15): computing an `intake` takes 29 to 42 ms, and 37 to
# 60 ms if all pairs are compared at once.
WORTHS_SEEN = 1_000
# Number of pairs that each row has in a first linear program and in a first window: the nearest or
# the most valuable pairs. Pricing adds other pairs; a cut is valid even without them. With links,
# the same number of pairs with the nearest stations of the relaxation is added. If a plan is known,
# half of a row's first pairs are with its stations, and links add half as many. This number doubles
# each time a window grows. Measured (see also MANY_PAIRS): a window of the embedded city takes 0.1
# s, and 3 to 15 s with all pairs.
NEAREST_PAIRS = 8
LINK_BROKEN = 0.01  # violation above which a link is added (not measured)
# Penalty for needing more money than a site's cap, as a multiple of the penalty for a shortfall.
# Measured: CPU time is similar from 50 to 200.
CAP_PENALTY = 100.0
# Prices tried for a rupee of a site's viability gap, as shares of the price of public money. Not
# measured.
GAP_PRICES = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
# Number of times that the search for the best price of a viability gap halves its interval. The
# search for a first plan with the least public money halves its interval of budgets the same number
# of times. Measured (embedded city): compared with 8 halvings, the bound is 0.13 % higher with 4
# and 0.001 % lower with 16.
HALVINGS = 8

# --- first plans --------------------------------------------------------------------------------

# The construction heuristic takes several options at once if their rates (gains per rupee) are at
# least this share of the best rate. Measured: CPU time is similar from 0.9 to 0.975.
TOGETHER = 0.95
# A group counts as worst served if its share served exceeds the lowest share of any group by at
# most this value. Measured: CPU time is similar from 0.025 to 0.1.
WORST = 0.05
# Weight of a rupee of a station's costs (its need) relative to a rupee of public money. The
# construction heuristic uses the first value; the greedy plan tries all of them. Not measured.
OWN_MONEY = (0.02, 0.2, 1.0)
NEARER = 0.03  # share by which the longest drive reduces the weight of a kWh (not measured)
# In large programs, drive times are rounded up to multiples of the longest drive time divided by
# this number, so that more pairs have equal weights. Not measured.
NEARER_STEPS = 8
# Thresholds that are tried in turn: options whose value in the relaxation reaches the threshold are
# rounded up. Not measured.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
# Thresholds that are tried in turn: sites whose value in the relaxation reaches the threshold keep
# their stations in a viable plan. Measured (embedded city): plans serve 12,664 kWh/day with the
# threshold 0.9, 13,069 with 0.6 and 0.5, and 10,059 with 0.4. Once a step of a dive has used
# DIVE_STEP, it fixes only options whose value is at least the first threshold. Measured: CPU time
# is similar from 0.8 to 0.95.
WHOLE_FROM = (0.9, 0.6, 0.5)
# Cost of an unmet row, relative to the largest possible objective. Measured: CPU time is similar
# from 2.5 to 10.
MISSED_PENALTY = 5.0
DIVE_STEP = 0.05  # share of the scarcest resource that a step of a dive uses (not measured)

# --- offers priced in ---------------------------------------------------------------------------

# Offers are added by pricing if there are more than this number per site on average. Not measured.
MANY_OFFERS = 12
# Maximum number of offers per site, or of pairs per demand row, added at once. Not measured.
AT_ONCE = 3
# Relative gap of the first relaxation, whose prices only help to find missing columns; the second
# value applies if the aim counts driving times, because a bound may then follow from these prices.
# Measured: with 0.1, row 18 takes 7 s instead of 25 s. With 0.02 and the aim `LeastCostToAll`, the
# bound for Saddar without public money is 0.5 % below that of the exact relaxation; with 0.1, it
# is 19 % below.
ROUGH = (0.1, 0.02)
# Gap to which a relaxation is solved, as a share of the requested gap. Not measured.
RELAXED_GAP = 0.02
# Number of options per site that are kept besides those in the relaxation. Measured: with 0, the
# plan for Islamabad's sectors (row 20) serves 2 % less; with 2, the plan of row 19 is as good as
# with 5.
BESIDE = 5
WIDER = 3.0  # maximum number of options added, as a multiple of those present (not measured)
KEPT = 0.2  # share of an aim's gap by which later aims may worsen its value (not measured)

# --- exchange -----------------------------------------------------------------------------------

# Maximum number of exchanges tried in a pass. An exchange starts with a change to a cheaper option
# or to no option; at most this many such changes are considered. Not measured.
TRIES = 250
# A resource row is stored as dense if more than this share of the options use the resource.
# Measured: CPU time is similar from 0.025 to 0.1.
DENSE = 0.05
# Maximum number of branchings tried at a node, and of free sites tried for a station. With decay,
# also the number of best stations outside a window that a row keeps. Measured (a quarter of row
# 13's city, shortest drive times): if rows keep 12 such stations, drive times are 14 % longer.
CANDIDATES = 8
MOST_VALUED = 60  # maximum number of changes that are evaluated one by one (not measured)

# --- windows ------------------------------------------------------------------------------------

FIRST_SIZE = 10  # number of sites in a window (not measured)
# Once all windows of one size have been tried, their size is multiplied by this factor. The areas
# that lower the bound grow by the same factor; the expected time of a turn of areas is the time of
# the turn before, multiplied by the square of this factor. Measured (row 18): successive turns took
# 13, 35 and 85 s.
GROWTH = 1.6
SECONDS = 15.0  # maximum time to solve a window, a safeguard that seldom binds (not measured)
# Gap to which a window is solved. With decay, or if payments are decision variables, the first gap
# is ten times this value. Measured (row 15): windows of four sites need 3 to 15 s to reach a gap of
# 0.2 %.
WINDOW_GAP = 2e-4

# With decay, windows keep only this number of best sites for each row. Measured (row 16): with all
# pairs, the gap is 1.26 % instead of 0.98 %.
BEST_SITES = 12

# --- tree and turns -----------------------------------------------------------------------------

# A plan is made at each of a tree's first PLAN_EVERY nodes, and then once every PLAN_EVERY nodes or
# rounds. Measured: making plans at the first 30 nodes gives the embedded city the same plans (seeds
# 1 to 3).
PLAN_EVERY = 10
# Stations are counted by kind if there are at most this many kinds. Also the maximum number of
# these counts on which branching is tried at a node. Not measured.
MOST_COUNTS = 40
ROUNDS = 6  # rounds of solves of windows, or of the root's cuts, in a turn (not measured)
# Number of sites in an area. Plans are built area by area, and areas also yield a bound on all
# plans. Measured (row 18, PKR 0): a plan built with areas of 15 sites serves 84,400 kWh/day. With
# areas of 22 sites, it serves 84,700 but takes twice the time; with areas of 8 sites, it serves
# 84,000.
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
ROUNDINGS = 8  # number of rounded relaxations that a turn makes viable (not measured)
# Work of a turn, in iterations × nonzeros. Measured: with 5e8, the tree for Islamabad's sectors
# (row 20) solved one node per turn.
TURN = 2e9
# Gap of the integer master problem, as a share of the requested gap. Measured: CPU time is similar
# from 0.2 to 0.8.
PROGRAM_GAP = 0.6
# Maximum number of nodes in the first solve of the integer master problem, and in a window. Not
# measured.
PROGRAM_NODES = 100
# If a solve of the integer master problem finds no better plan, the next solve may use this many
# times as many options or, once it has all options, this many times as many nodes. In the first
# solve, the number of options per station of the relaxation is the square of this number. Kicks
# (random changes of a plan) after the cuts get this many times the work of the kicks before the
# cuts. None of these uses is measured. Building another plan area by area is expected to take this
# many times the work of the plan before. Measured (row 18, PKR 0, 20 and 1,000 m): a second such
# plan, combined with the first, gained 459, 917 and 330 kWh/day; a third plan gained 92, 0 and 28.
MORE = 4
# The integer master problem is not solved again once it may use more nodes than this. Not measured.
MOST_NODES = 5_000

# --- drives and payments ------------------------------------------------------------------------

# Horizons in the search for the shortest drive times, as multiples of the longest drive.
FIRST_HORIZON = 3.0  # first horizon, which is also the shortest (not measured)
FIRST_HORIZON_OF_GAP = 10.0  # first horizon under the viability gap (not measured)
LONGEST_HORIZON = 50.0  # longest horizon (not measured)
TURNS = 12  # number of turns at the first horizon (not measured)
# Penalty for a rupee paid in excess of a year's money. The penalty for a rupee paid a year early
# is 1. Not measured.
OVER = 1e4

# --- covering -----------------------------------------------------------------------------------

PATCHES = 120  # number of patches into which the demand is divided (not measured)
SUBGRADIENT_STEPS = 150  # number of steps that find the prices of a covering problem (not measured)
SUBGRADIENT_PATIENCE = 12  # steps without a better bound before steps become shorter (not measured)
FIRST_WORK = 1_000  # work of random changes (kicks) before the cuts, per pair (not measured)
# Work counted for a change of a plan, in addition to the work that depends on its size. Also the
# minimum number of pairs by which `FIRST_WORK` is multiplied. Not measured.
LEAST_WORK = 50_000
MOST_OUT = 10  # maximum number of options that a kick removes (not measured)
# Tolerance when a bound is rounded down, as a multiple of the weights' common divisor.
# Not measured.
STEP_SURE = 0.01

# --- messages and conflicts ---------------------------------------------------------------------

# A gap above this value is stated first in messages, and determines the exit code. Not measured.
FAR = 1.0
MOST_TOLD = 1e4  # gap above which a message omits the figure (not measured)
# Number of floors or limits that a message lists before it only counts the others. Not measured.
LISTED = 6
REQUIREMENTS_LISTED = 12  # requirements shown whose change does not help (not measured)
# A requirement is changed by the amount that a relaxation shows plus a share of the requirement's
# figure. These shares are tried in turn. Each test may take the remaining time divided by their
# number. Not measured.
CONFLICT_STEPS = (0.3, 0.08, 0.02, 0.005)
# Gap to which the smallest change of a requirement is computed; also the step to which shares are
# rounded. Not measured.
CONFLICT_GAP = 1e-4
