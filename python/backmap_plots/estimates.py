"""Reweighted means, errors and effective sample sizes: the formulas of src/BACKMAP/statistics in NumPy.

A test (unittest/python/test_plots.py) holds every figure beside those of backmap_report on the same tables.
"""
from math import ceil, exp, inf, isnan, lgamma, log, log10, log1p, nan, sqrt

import numpy as np

BLOCK_LENGTH, FEWEST, MOST, DISAGREEMENT = 20.0, 5, 32, 0.01  # BlockRule of series.h
ROUNDING = 1e-9  # of sums of shares that are not whole numbers
ENOUGH = 20000  # steps from which on a series is averaged in groups first


def kish_ess(w):
    """(sum w)^2 / (n sum w^2)."""
    return w.sum()**2 / (len(w) * (w**2).sum()) if w.any() else 0.0


# --- the tail of the weights: weights.cpp ---------------------------------


def fit_generalized_pareto(x):
    """Shape k and scale of ascending excesses (Zhang and Stephens 2009, prior of Vehtari et al.)."""
    n = len(x)
    grid = 30 + int(sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1] or x[x > 0][0]
    theta = 1 / x[-1] + (1 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3 * quartile)
    k = np.array([np.log1p(-t * x).mean() for t in theta])
    likelihood = n * (np.log(-theta / k) - k - 1)
    posterior = np.exp(likelihood - likelihood.max())
    b = (theta * posterior).sum() / posterior.sum()
    k = np.log1p(-b * x).mean()
    return (k * n + 5) / (n + 10), -k / b


class ParetoTail:
    """k-hat of log-weights, its threshold, the number of weights fitted; origin and scale in the largest weight."""

    def __init__(self, logw, r_eff=1.0):
        s = len(logw)
        self.khat = self.sigma = self.origin = nan
        self.threshold = min(1 - 1 / log10(s), 0.7) if s > 1 else nan
        self.r_eff, self.tail = r_eff, ceil(min(0.2 * s, 3 * sqrt(s / r_eff)))
        if not 5 <= self.tail < s:
            return
        top = np.sort(np.partition(logw, s - self.tail - 1)[s - self.tail - 1:])
        if not np.isfinite(top[-1]) or top[1] == top[-1]:
            return
        self.origin = exp(top[0] - top[-1])
        self.khat, self.sigma = fit_generalized_pareto(np.exp(top[1:] - top[-1]) - self.origin)


# --- errors of correlated series: series.cpp -------------------------------


def autocorrelation_time(walkers):
    """1 + 2 sum of rho over walkers' deviations from one mean, by Geyer's initial monotone sequence; at least 1."""
    n = sum(len(d) for d in walkers)
    variance = sum((d**2).sum() for d in walkers)
    if n == 0 or not variance > 0:
        return 1.0
    variance /= n
    group = (n + ENOUGH - 1) // ENOUGH
    coarse = [d[:len(d) // group * group].reshape(-1, group).mean(axis=1) for d in walkers]
    longest = max(len(c) for c in coarse)

    def covariance(lag):
        long_enough = [c for c in coarse if len(c) > lag]
        pairs = sum(len(c) - lag for c in long_enough)
        return sum(c[:len(c) - lag] @ c[lag:] for c in long_enough) / pairs if pairs else 0.0

    first, total, last, lag = covariance(0), 0.0, inf, 0
    while lag == 0 or 2 * lag < longest:
        pair = covariance(lag) + covariance(lag + 1)
        if not pair > 0:
            break
        last = min(last, pair)
        total += last
        lag += 2
    return max(1.0, group * (2 * total - first) / variance)


def fisher_tail(f, d1, d2):
    """Probability that F exceeds f: the incomplete beta function by its continued fraction (DLMF 8.17.22)."""
    if not f > 0:
        return 1.0

    def beta(x, a, b):
        if x <= 0 or x >= 1:
            return 0.0 if x <= 0 else 1.0
        if x > (a + 1) / (a + b + 2):
            return 1 - beta(1 - x, b, a)
        value = 1.0
        for m in range(300, 0, -1):  # from the end: fast enough for one number
            even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            value = 1 + even / (1 + odd / value)
        value = 1 - (a + b) * x / (a + 1) / value
        return exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a / value

    return beta(d2 / (d2 + d1 * f), 0.5 * d2, 0.5 * d1)


def quotient(numerator, denominator):
    return numerator / denominator


def neg_log_odds(numerator, denominator):
    return np.log((denominator - numerator) / numerator)


def jackknife(numerator, denominator, what):
    """Pseudo-values of what(sum of numerators, sum of denominators), one a block, and the standard error of it."""
    n = len(numerator)
    before = [np.concatenate([[0], np.cumsum(v)]) for v in (numerator, denominator)]
    after = [np.concatenate([np.cumsum(v[::-1])[::-1], [0]]) for v in (numerator, denominator)]
    with np.errstate(divide='ignore', invalid='ignore'):
        whole = what(before[0][-1], before[1][-1])
        pseudo = n * whole - (n - 1) * what(before[0][:-1] + after[0][1:], before[1][:-1] + after[1][1:])
        return pseudo, sqrt(((pseudo - pseudo.mean())**2).sum() / (n * (n - 1))) if n > 1 else nan


class Ratio:
    """Sum of numerators over sum of denominators of walkers; error of `what` of them by the rule for blocks."""

    def __init__(self, numerators, denominators, what=quotient, least_tau=1.0):
        total = sum(d.sum() for d in denominators)
        self.error, self.blocks, self.too_short, self.disagree = nan, 0, False, False
        self.value, self.tau = nan, nan
        if not total > 0:
            return
        self.value = sum(n.sum() for n in numerators) / total
        self.tau = max(least_tau,
                       autocorrelation_time([n - self.value * d for n, d in zip(numerators, denominators)]))
        steps, walkers = sum(len(n) for n in numerators), len(numerators)
        wanted = BLOCK_LENGTH * self.tau
        self.too_short = steps < FEWEST * wanted
        length = steps / FEWEST if self.too_short else max(wanted, steps / MOST)
        sums, walker_of = [], []
        for w, (num, den) in enumerate(zip(numerators, denominators)):
            fit = len(num) / length
            count = max(1, min(len(num), int(fit + 0.5) if self.too_short else int(fit + 1e-9)))
            starts = np.arange(count) * len(num) // count
            sums.append([np.add.reduceat(v, starts) for v in (num, den)])
            walker_of += [w] * count
        num, den = np.concatenate(sums, axis=1)
        self.blocks = len(num)
        if self.blocks < 4 and (walkers < 2 or self.blocks > walkers):
            return
        pseudo, self.error = jackknife(num, den, what)
        if walkers > 1 and self.blocks > walkers + 1 and self.same_mean(pseudo, np.array(walker_of)) < DISAGREEMENT:
            self.disagree, self.blocks = True, walkers
            _, self.error = jackknife(*np.array([[v.sum() for v in part] for part in sums]).T, what)
        if not np.isfinite(self.error):
            self.error = nan

    @staticmethod
    def same_mean(pseudo, walker_of):
        if not np.isfinite(pseudo).all():
            return 1.0
        count, total = np.bincount(walker_of), np.bincount(walker_of, weights=pseudo)
        mean = total / count
        between = (count * (mean - pseudo.mean())**2).sum()
        within = ((pseudo - mean[walker_of])**2).sum()
        if not within > 0:
            return 0.0 if between > 0 else 1.0
        d1, d2 = len(count) - 1, len(pseudo) - len(count)
        return fisher_tail(between / d1 / (within / d2), d1, d2)


# --- states: states.cpp ------------------------------------------------------


class Visits:
    """Entries and exits of a state along each series, from the share of the samples of each frame that are in it.

    ones, samples: of each frame, series after series; start: where a series begins.
    """

    def __init__(self, ones, samples, start):
        share = ones / samples
        mixed = ((samples - ones) * share).sum()
        last, new = share[:-1][~start[1:]], share[1:][~start[1:]]
        self.entries = mixed + ((1 - last) * new).sum()
        self.exits = mixed + (last * (1 - new)).sum()
        self.inside, self.frames = share.sum(), len(share)
        began = share[start].sum()
        self.crossings = min(self.entries, self.exits)
        self.once = (self.crossings < 1 - ROUNDING or began + self.entries < 2 - ROUNDING or
                     start.sum() - began + self.exits < 2 - ROUNDING)

    def rate(self):
        """Probabilities of a step in and of a step out of a two-state chain, added up."""
        return self.entries / (self.frames - self.inside) + self.exits / self.inside

    def autocorrelation_time(self):
        return max(1.0, 2 / self.rate() - 1)

    def log_odds_error(self):
        return sqrt(0.5 * max(0.0, 2 - self.rate()) * (1 / self.entries + 1 / self.exits))


# --- samples of tables: WeightSet of weights.cpp ----------------------------


def runs_of(step, series):
    """Run of each series: the first with which it shares no timestep."""
    taken, run = [], {}
    for s in np.unique(series):
        steps = set(step[series == s])
        r = next((i for i, t in enumerate(taken) if not t & steps), len(taken))
        if r == len(taken):
            taken.append(set())
        taken[r] |= steps
        run[s] = r
    return run


class Weighed:
    """Samples with weights in units of the largest one; sums over frames, sorted into walkers."""

    def __init__(self, samples):
        self.logw = samples.logweight
        self.valid = np.isfinite(self.logw)
        self.w = np.exp(self.logw - self.logw.max())
        m = samples.per_frame
        step, molecule = samples.rows[::m, 0], samples.rows[::m, 1]
        series = samples.series[::m]
        self.frame = np.arange(len(self.w)) // m
        self.run_of = run = runs_of(step, series)
        walkers, alone = {}, {}
        again, last = 0, None
        for i in np.lexsort((molecule, series, step)):
            key = step[i], series[i], molecule[i]
            again = again + 1 if key == last else 0  # another run appended to the table
            last = key
            walkers.setdefault((run[series[i]], molecule[i], again), []).append(i)
            alone.setdefault((series[i], molecule[i], again), []).append(i)
        self.walkers = [np.array(walkers[k]) for k in sorted(walkers)]
        self.per_frame = m
        self.frame_w = self.sums(self.w)
        self.frame_valid = self.sums(self.valid.astype(float))
        # frames with a weight, series after series, and where one begins
        self.by_series, self.begins = [], []
        for k in sorted(alone):
            some = [i for i in alone[k] if self.frame_valid[i] > 0]
            self.by_series += some
            self.begins += [j == 0 for j in range(len(some))]
        self.by_series, self.begins = np.array(self.by_series), np.array(self.begins)
        self.series_valid = self.frame_valid[self.by_series]
        self.whole = {True: self.frame_w, False: self.frame_valid}

    def sums(self, values, which=slice(None)):
        """Sums over the samples of each frame; which: of some samples only."""
        return np.bincount(self.frame[which], weights=values, minlength=len(self.frame) // self.per_frame)

    def ratio(self, numerator, denominator, **how):
        """Of sums over frames."""
        return Ratio([numerator[w] for w in self.walkers], [denominator[w] for w in self.walkers], **how)

    def population_error(self, inside, reweighted=True):
        """Standard error of the population of a state, from the positions of its samples; NaN after one visit alone."""
        w = self.weights(reweighted)
        ones = self.sums(np.ones(len(inside)), inside)[self.by_series]
        if not 0 < ones.sum() < self.valid.sum():
            return nan
        visits = Visits(ones, self.series_valid, self.begins)
        ratio = self.ratio(self.sums(w[inside], inside), self.whole[reweighted], what=neg_log_odds,
                           least_tau=visits.autocorrelation_time() * len(self.frame_w) / visits.frames)
        if visits.once or isnan(ratio.error):  # the marks one-visit and unseen
            return nan
        return ratio.value * (1 - ratio.value) * max(ratio.error, visits.log_odds_error())

    def weights(self, reweighted):
        return self.w if reweighted else self.valid.astype(float)

    def mean(self, values, reweighted=True):
        w = self.weights(reweighted)
        return self.ratio(self.sums(w * np.where(self.valid, values, 0.0)), self.whole[reweighted])

    def joint_ess(self):
        return kish_ess(self.w)

    def marginal_ess(self):
        return kish_ess(self.frame_w)

    def tail(self):
        """Pareto tail of all weights, as long as their autocorrelation asks for."""
        n, s = len(self.frame_w), len(self.w)
        mean = self.w.mean()
        of_samples = ((self.w / mean)**2).mean() - 1
        of_frames = ((self.frame_w / (self.per_frame * mean) - 1)**2).mean()
        r_eff = 1.0
        if of_frames > 1e-28:
            tau = self.ratio(self.frame_w, np.full(n, float(self.per_frame))).tau
            r_eff = min(1.0, of_samples / s / (of_frames * tau / n))
        return ParetoTail(self.logw, r_eff)

    def populations(self, index, bins, reweighted=True, errors=True):
        """Population of each bin of all samples, standard errors, and effective numbers of samples in it.

        index: bin of each sample; what is not in 0..bins-1 lies in none. Errors are NaN where nothing tells them.
        """
        w = self.weights(reweighted)
        inside = self.valid & (index >= 0) & (index < bins)
        total = np.bincount(index[inside], weights=w[inside], minlength=bins)
        square = np.bincount(index[inside], weights=w[inside]**2, minlength=bins)
        effective = total**2 / np.where(square > 0, square, 1.0)
        error = np.full(bins, nan)
        if errors:
            order = np.flatnonzero(inside)
            order = order[np.argsort(index[order], kind='stable')]
            limits = np.searchsorted(index[order], np.arange(bins + 1))
            for b in np.flatnonzero(effective >= 2):
                error[b] = self.population_error(order[limits[b]:limits[b + 1]], reweighted)
        return total / w.sum(), error, effective


# --- free energies of bins --------------------------------------------------


def free_energy(population):
    """F in kT, zero at the lowest bin; infinite where there is nothing."""
    with np.errstate(divide='ignore'):
        f = -np.log(population)
    return f - f.min()


def compare(f, reference, low, mask=None):
    """Difference of two surfaces, both as -ln of normalised populations; its root mean square over bins of the
    reference below `low` kT, the number of those, and how many of them have no sample (or are masked) and are left out."""
    normal = [a + np.log(np.exp(-a).sum()) for a in (f, reference)]
    with np.errstate(invalid='ignore'):
        difference = normal[0] - normal[1]
    below = reference - reference.min() < low
    seen = below & np.isfinite(f) if mask is None else below & np.isfinite(f) & ~mask
    rms = sqrt((difference[seen]**2).mean()) if seen.any() else nan
    return difference, rms, int(below.sum()), int(below.sum() - seen.sum())
