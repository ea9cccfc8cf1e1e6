"""Numeric constants of `program`, `engine` and `classics`, with their measured effects.

"CPU time alike from a to b" means that the CPU time of six towns changed by at most a fifth at a
and at b (`scripts/vary_settings.py`). The towns have 60 sites and were solved to a gap of 0.5 %.
The values a and b are half and twice the constant. For shares of 0.5 or more, the distance from 1
was halved and doubled instead. Large programs were not tried. "Not measured" means that no such
range is known.

Row numbers refer to rows of `docs/performance.md`. Shares are fractions of 1. Gains and violations
are relative. Times (`_S`) are in seconds. Each step of the search ends after a fixed number of
rounds, turns or nodes, so that a run can be repeated exactly. The clock ends only steps that could
exceed the time limit.
"""

# --- tolerances ---------------------------------------------------------------------------------

ROUNDING = 1e-12  # rounding error of a sum of a few numbers; CPU time alike from 5e-13 to 2e-12
SUMMED = 1e-10  # rounding error of an often updated sum; CPU time alike from 5e-11 to 2e-10
# Two computations of the same figure may differ by this much. HiGHS drops coefficients below this
# value. CPU time alike from 5e-10 to 2e-9.
EXACT = 1e-9
NOISE = 1e-8  # HiGHS's rounding (share of largest objective); CPU time alike from 5e-9 to 2e-8
ARITHMETIC = 1e-7  # relative tolerance of a solver; CPU time alike from 5e-8 to 2e-7
# Option values, violations and gains below this value are taken as 0. Limits may be exceeded by
# this amount in their unit (a millionth of a rupee, a kilowatt or a station), because sums of
# binary fractions are not exact. CPU time alike from 5e-7 to 2e-6.
SIGNIFICANT = 1e-6
# Shares by which the values of earlier aims are lowered if a plan cannot reach them again. The
# first share that is enough is used. Not measured.
LOSSES = (0.0, 1e-7, 1e-6, 1e-5)
# Largest share of the total worth that demand rows too small for the solver may have. A program in
# which these rows have more is refused. Not measured.
FAINT_SHARE = 1e-4
# Upper limit of any measure, in its unit; also a gap that any plan meets. Not measured.
ENDLESS = 1e12
# Sum to which the weights of a covering are scaled, because HiGHS's tolerances are absolute.
# Not measured.
COVERING_UNITS = 1e4

# --- sizes at which the method changes ----------------------------------------------------------

# Number of columns up to which HiGHS first solves the whole program. Not measured.
WHOLE_FIRST = 2_500
WHOLE_NODES = 2_000  # maximum number of nodes in this first solve; not measured
# Number of columns up to which HiGHS solves the whole program at the end. Ties between plans are
# also broken only up to this number. Not measured.
WHOLE_LAST = 150_000
# Number of columns up to which the simplex method computes dual prices, which are then short
# fractions. Larger programs use the interior point method. Also the number of columns up to which
# an integer program finds conflicts. Not measured.
SMALL_COLUMNS = 5_000
# Number of pairs above which four rules apply: linked parts are separated together only if no other
# cut is violated; subproblems with money use the interior point method; construction rounds drives
# to steps; column generation starts from rough prices. Measured (Saddar): a subproblem takes 1 to
# 3 s instead of 30 s.
MANY_PAIRS = 50_000
# Number of columns above which a service is solved in independent pieces. Not measured.
MANY_COLUMNS = 20_000
# Maximum number of these pieces. Measured (row 16, four years): a service takes 0.5 s, and 3.4 s
# with two pieces.
MOST_PIECES = 12
# Number of pairs times sites above which three rules apply: the root adds no cuts if column
# generation solved the relaxation; shrinking a station must save at least its shortfall; exchanges
# do not improve a constructed plan. Measured: the first rule helps Saddar (6.8e7). The second rule
# improves row 18 (5.6e8) by 1 to 4 %; it would make the embedded city (8e6) 0.3 % worse.
LARGE = 50_000_000
MOST_PRICED_PAIRS = 1_000_000  # number of pairs up to which prices are stored; measured: 800 MB
MOST_OPTIONS = 2_000_000  # number of courses above which a program is refused; not measured
KEPT_BYTES = 200e6  # memory for the values of choices already evaluated; not measured

# --- time ---------------------------------------------------------------------------------------

# The next four values are shares of the remaining time; each comment lists the steps that may take
# such a share. Steps: an aim followed by others, a first plan under the viability gap (where other
# methods give worse plans), and the filtering of a conflict. Not measured.
MAIN_SHARE = 0.7
# Steps: cuts at the root, plans made from them, relaxations, column generation for one aim, one
# horizon of the shortest drives, and tests of single requirements. Not measured.
ROOT_SHARE = 0.6
# Steps: a first plan, its repair, the programs of the last year and of all years, plans made from
# a known relaxation, and slow cuts at the root. Not measured.
START_SHARE = 0.4
# Steps: moving stations at the end, and the relaxation of the shortest drives. Also the largest
# share reserved for the final flows. Not measured.
LAST_SHARE = 0.1
# Share of the time limit after which only the flows of the final plan are computed; not measured
ENDS = 0.97
# Time reserved for the final flows, as a multiple of the time of earlier flows. Also the time
# reserved for passing a problem to a solver, as a multiple of the time taken to write the problem.
# Not measured.
AGAIN = 3.0
# Time reserved for the answer, as a multiple of the time needed to value a plan. Measured: without
# it, Saddar (row 20) exceeded the limit by 6 s.
FINISH = 8.0
# Time limit for polishing a plan at the end. Also the time reserved for the final flows if another
# solver makes the plan. Not measured.
RESERVE_S = 2.0
LEAST_S = 5.0  # minimum time to explain a conflict; not measured
STUCK_S = 60.0  # time beyond the time limit after which a solver is abandoned; not measured
# Time between two reports of progress, and between two checks of a running solver. Not measured.
REPORT_EVERY_S = 0.1
# Factor on the iterations of an integer program, because presolve, cuts and heuristics take time
# but are not counted as iterations. Measured: an iteration takes 2 to 5 times as long as in a
# linear program, and 7 to 12 times in crossings.
BRANCHED = 5.0
# Building and presolving a new model counts as this many iterations. Measured: it takes as long as
# 1,400 iterations in small linear programs, 2,700 to 4,900 in small windows and crossings, and
# fewer in large programs.
COLD = 2500

# --- cuts ---------------------------------------------------------------------------------------

# Maximum number of rounds of cuts at a node: CPU time alike from 6 to 24. Also the number of rounds
# after which a slack cut is removed or left out: not measured.
NODE_ROUNDS = 12
# Rounds of cuts before the first plan of a program with years. Measured (synthetic Karachi): two
# rounds give good prices.
PRICE_ROUNDS = 2
# Rounds of cuts end once a round lowers the bound by less than this share. This share applies at
# the root, in a pool of cuts, and at prices of a covering. CPU time alike from 1e-5 to 4e-5 (root).
STALLED = 2e-5
# The corresponding share at a node and for the price of a rupee. It also replaces `STALLED` at the
# root if the root's cuts are slow. Not measured.
NODE_STALLED = 2e-4
PRICING_STALLED = 5e-3  # the corresponding share in column generation with links; not measured
# Number of successive rounds of cuts with too small a gain after which the rounds end. The same
# number applies to dives, and to the trials after which the estimate of a branching is trusted. CPU
# time alike from 1 to 6.
IDLE = 3
# Used instead of IDLE until the bound first falls. Measured: this may take a dozen rounds (row 13).
IDLE_AT_FIRST = 20
MANY_ROWS = 150  # number of cuts from which slack cuts are removed; CPU time alike from 75 to 300
# A floor whose energy had no violated cut is skipped for up to this number of rounds. Measured
# together with NEAREST_PAIRS: a round takes 1.3 s instead of 4 s.
RESTS = 8
# Cuts are sought at a weighted mean of the previous such mean and the relaxed optimum. This is the
# weight of the previous mean. CPU time alike from 0.6 to 0.9.
BACK = 0.8
# The same weight in large programs with payments as decision variables, where the constructed plan
# may be poor. Measured (little money): after one minute the gap is 5 to 6 %, and 79 % at `BACK`.
LARGE_BACK = 0.35
FORGOTTEN = 0.05  # in these programs, option values below this are set to 0; not measured
# How far from a choice to the optimum a cut is sought (a share). CPU time alike from 0.15 to 0.6.
TOWARDS = 0.3
THRIFT = 0.01  # charge on public money, as a share of all worth; CPU time alike from 0.005 to 0.02
LEVELS = 256  # number of levels to which the worths of many pairs are rounded up; not measured
# Number of pairs whose worths are compared first. If many of these worths differ, the other pairs
# are not compared. Measured (row 15): an intake takes 29 to 42 ms, and 37 to 60 ms if all pairs are
# compared at once.
WORTHS_SEEN = 1_000
# Number of pairs that each row has in a first linear program and in a first window: the nearest
# pairs or those with the most worth. Other pairs are priced in; a cut is valid even without them.
# Windows double this number each time they grow. Measured: see MANY_PAIRS; a window of the embedded
# city takes 0.1 s, and with all pairs 3 to 15 s.
NEAREST_PAIRS = 8
LINK_BROKEN = 0.01  # violation above which a link is added; not measured
# Penalty if a site needs more money than its cap, as a multiple of the penalty on a shortfall.
# CPU time alike from 50 to 200.
CAP_PENALTY = 100.0
# Trial prices of a site's viability gap, as shares of the price of public money. Not measured.
GAP_PRICES = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
# Number of times that the interval around the best price is halved. Also the number of times that
# the interval of the budget is halved in the search for a first plan of least money. Measured
# (embedded city): the bound is 0.13 % higher with 4 halvings and 0.001 % lower with 16.
HALVINGS = 8

# --- first plans --------------------------------------------------------------------------------

# Construction takes several options at once if their rates are at least this share of the best
# rate. CPU time alike from 0.9 to 0.975.
TOGETHER = 0.95
# Groups whose share served exceeds the lowest share by at most this count as worst served.
# CPU time alike from 0.025 to 0.1.
WORST = 0.05
# Weight of a rupee of a station's need relative to a rupee of public money. Construction uses the
# first value; the greedy plan tries all of them. Not measured.
OWN_MONEY = (0.02, 0.2, 1.0)
NEARER = 0.03  # share by which the longest drive reduces the weight of a kWh; not measured
# Number of steps to which large programs round this loss, so that more pairs merge. Not measured.
NEARER_STEPS = 8
# Thresholds: options with at least this relaxed value are rounded up. Each is tried. Not measured.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
# Thresholds: when a relaxation is made viable, sites with at least this value keep their stations.
# Each is tried. Measured (embedded city, kWh/day served): 12,664 at 0.9, 13,069 at 0.6 or 0.5,
# 10,059 at 0.4. Once a step of a dive has taken DIVE_STEP, it takes only options with at least the
# first value: CPU time alike from 0.8 to 0.95.
WHOLE_FROM = (0.9, 0.6, 0.5)
# Cost of an unmet row, relative to the largest possible objective. CPU time alike from 2.5 to 10.
MISSED_PENALTY = 5.0
DIVE_STEP = 0.05  # share of the scarcest resource that a step of a dive uses; not measured

# --- offers priced in ---------------------------------------------------------------------------

MANY_OFFERS = 12  # mean number of offers per site above which offers are priced in; not measured
AT_ONCE = 3  # maximum number of offers per site, or energies per row, added at once; not measured
# Relative gap of the first relaxation, whose prices serve only to find missing columns. Measured:
# Saddar with the aim `LeastCostToAll` (PKR 60 million) needs two rounds instead of three; row 18
# takes 7 s instead of 25 s.
ROUGH = 0.1
# Gap to which a relaxation is solved, as a share of the requested gap. Not measured.
RELAXED_GAP = 0.02
# Number of options per site that are kept besides those in the relaxation. Measured: with 0 the
# plan of the sectors serves 2 % less (row 20); with 2 the plan is as good as with 5 (row 19).
BESIDE = 5
WIDER = 3.0  # maximum number of options added, as a multiple of those present; not measured
KEPT = 0.2  # share of an aim's gap that later aims may give up; not measured

# --- exchange -----------------------------------------------------------------------------------

# Maximum number of exchanges tried in a pass. Also the maximum number of changes to a cheaper
# option, or to none, that these exchanges start from. Not measured.
TRIES = 250
# A resource row is stored as dense if it has more than this share of the options.
# CPU time alike from 0.025 to 0.1.
DENSE = 0.05
# Branchings tried at a node, free sites tried for a station, and, with decay, the best stations
# outside a window that a row keeps. Measured (quarter of row 13, drives): with 12 stations outside,
# drives are 14 % longer.
CANDIDATES = 8
MOST_VALUED = 60  # maximum number of changes that are valued one by one; not measured

# --- windows ------------------------------------------------------------------------------------

FIRST_SIZE = 10  # number of sites in a window; not measured
# Factor on the size of windows, and of areas for the bound, once all of one size have been tried. A
# turn of areas then takes this factor squared as long. Measured (row 18): 13, 35 and 85 s.
GROWTH = 1.6
SECONDS = 15.0  # maximum time to solve a window, a safeguard that seldom binds; not measured
# Gap to which a window is solved. With decay, or if payments are decision variables, the first gap
# is ten times this value. Measured: windows of four sites need 3 to 15 s for a gap of 0.2 % (row
# 15).
WINDOW_GAP = 2e-4

# With decay, number of best sites kept for each row. Measured (row 16): with all pairs, the gap is
# 1.26 % instead of 0.98 %.
BEST_SITES = 12

# --- tree and turns -----------------------------------------------------------------------------

# Number of nodes, rounds or iterations between two plans. Also the number of a tree's first nodes
# that each make a plan. Measured: with 30 first nodes, the embedded city has the same plans for
# seeds 1 to 3.
PLAN_EVERY = 10
# Maximum number of kinds of station that are counted. Also the maximum number of counts on which
# branching is tried at a node. Not measured.
MOST_COUNTS = 40
ROUNDS = 6  # rounds of windows, or of the root's cuts, in a turn; not measured
# Number of sites in an area. Plans are built area by area, and areas bound all plans. Measured
# (row 18, PKR 0): a built plan serves 84,400 kWh/day with 15 sites, 84,700 with 22 in twice the
# time, and 84,000 with 8.
AREA = 15
# Two plans that differ at more sites are crossed by areas of this number of sites. Measured (row
# 18, PKR 0): plans of 84,518 and 84,420 kWh/day give 84,884 by areas of 50 sites in 17 s, 85,089 by
# 100 in 21 s and 85,084 by 130 in 23 s. By 15 sites, two other plans gained a fifth as much as at
# once. Two plans that differ at 402 sites gave nothing in 60 s without areas.
CROSSED = 100
# Before each area, the price of money is set to its price in the relaxation, multiplied by (share
# of the budget used) ** SCARCITY. Measured (row 18, six crossings): with PKR 20 m, 84,502 kWh/day
# at 3 and 84,418 at 1; with PKR 200 m, 90,333 at 3 and 89,859 at 10. A fixed price of half that in
# the relaxation gives 84,256 and 88,336.
SCARCITY = 3.0
ROUNDINGS = 8  # number of rounded relaxations that a turn makes viable; not measured
# Work of a turn, in iterations × nonzeros. Measured: with 5e8 the tree of row 20's sectors solved
# one node per turn.
TURN = 2e9
PROGRAM_GAP = 0.6  # integer master problem's gap (share of the gap); CPU time alike from 0.2 to 0.8
# Maximum number of nodes in the first turn of this program, and in a window. Not measured.
PROGRAM_NODES = 100
# Factor from a turn's number of nodes to the next turn's, and from the work of kicks before the
# cuts to that after them; neither is measured. Also the factor on the work of another plan built by
# areas. Measured (row 18, PKR 0, 20 and 1,000 m): a second such plan and its crossing gained 459,
# 917 and 330 kWh/day, a third 92, 0 and 28.
MORE = 4
MOST_NODES = 5_000  # number of nodes above which this program gets no further turn; not measured

# --- drives and service -------------------------------------------------------------------------

# Horizon of the search for the shortest drives, as a multiple of the longest drive.
FIRST_HORIZON = 3.0  # first horizon, which is also the shortest; not measured
FIRST_HORIZON_OF_GAP = 10.0  # first horizon under the viability gap; not measured
LONGEST_HORIZON = 50.0  # longest horizon; not measured
TURNS = 12  # number of turns at the first horizon; not measured
# Penalty on a rupee in excess of a year's money. The penalty on a rupee paid a year early is 1.
# Not measured.
OVER = 1e4

# --- covering -----------------------------------------------------------------------------------

PATCHES = 120  # number of patches into which the demand is divided; not measured
SUBGRADIENT_STEPS = 150  # steps for the prices of a covering; not measured
SUBGRADIENT_PATIENCE = 12  # steps without a better bound before steps become shorter; not measured
FIRST_WORK = 1_000  # work of kicks before the cuts, per pair; not measured
# Fixed work of a change. Also the minimum number of pairs by which `FIRST_WORK` is multiplied. Not
# measured.
LEAST_WORK = 50_000
MOST_OUT = 10  # maximum number of options that a kick removes; not measured
# Tolerance when a bound is rounded down, as a multiple of the weights' common divisor.
# Not measured.
STEP_SURE = 0.01

# --- messages and conflicts ---------------------------------------------------------------------

# A gap above this value comes first in messages and sets the exit code. Not measured.
FAR = 1.0
MOST_TOLD = 1e4  # gap above which a message omits the figure; not measured
# Number of floors or limits that a message lists before it only counts the others. Not measured.
LISTED = 6
REQUIREMENTS_LISTED = 12  # requirements shown although changing them does not help; not measured
# Shares by which the figures that are tried exceed those of a relaxation, one after another. A test
# of a conflict may take the remaining time divided by the number of these shares. Not measured.
CONFLICT_STEPS = (0.3, 0.08, 0.02, 0.005)
# Gap to which the smallest excess over a requirement is computed; also the step to which shares are
# rounded. Not measured.
CONFLICT_GAP = 1e-4
