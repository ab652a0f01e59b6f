"""Trajectories of optimizers as other people implemented them.

Run once, with: optax 0.2.8 (jax 0.10.2), qiskit-algorithms 0.4.0 (qiskit 2.6.2), PennyLane 0.45.1, cma 4.5.0 (its
`purecma`), SciPy 1.17.1; `python optimizers.py > optimizers.json`. The tests of the crate read only the JSON file.

The problem is written down twice, here and in `tests/implementations.rs`. Where an optimizer draws random numbers, it
is handed those of the stream (seed 5, task 9, step k, role "direction") of the crate, which are computed here from the
description of ChaCha.
"""

import json
import struct
import sys

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import optax
import pennylane as qml
import qiskit_algorithms.optimizers.spsa as qiskit_spsa
import scipy.linalg
import scipy.optimize
from cma.more_algorithms import purecma
from qiskit_algorithms.optimizers import QNSPSA, SPSA

# ---------------------------------------------------------------- the problem

HEIGHTS = np.array([1.0, 0.7, 1.3, 0.5, 0.9])
CENTRES = np.array([0.3, -1.1, 0.8, 2.0, -0.4])
COUPLING = 0.35
START = np.array([0.5, -0.2, 1.7, -2.5, 3.0])


def loss(x):
    return float(np.sum(HEIGHTS * (1 - np.cos(x - CENTRES))) + COUPLING * np.sum(np.cos(x[:-1]) * np.cos(x[1:])))


def gradient(x):
    neighbours = np.zeros_like(x)
    neighbours[1:] += np.cos(x[:-1])
    neighbours[:-1] += np.cos(x[1:])
    return HEIGHTS * np.sin(x - CENTRES) - COUPLING * np.sin(x) * neighbours


def fidelity(x, y):
    d = np.asarray(x) - np.asarray(y)
    d = d + 0.5 * np.concatenate([[0.0], d[:-1]])
    return float(np.prod(np.cos(d / 2) ** 2))


def shot_variance(x):
    return 1 + 0.5 * np.cos(x)


WEIGHTS = np.array([[0.9, -0.2, 0.4], [-0.5, 0.8, 0.1], [0.3, 0.6, -0.7], [0.2, -0.9, -0.4], [-0.8, 0.1, 0.5]])


def bloch(axis, angle):
    x, y, z = 0.6, 0.0, 0.8
    c, s = np.cos(angle), np.sin(angle)
    if axis == "X":
        return np.array([x, c * y - s * z, s * y + c * z])
    if axis == "Y":
        return np.array([c * x + s * z, y, c * z - s * x])
    return np.array([c * x - s * y, s * x + c * y, z])


def axis_loss(x, axes):
    v = np.array([bloch(axis, angle) for axis, angle in zip(axes, x)])
    return float(np.sum(WEIGHTS * v) + 0.3 * np.sum(v[:-1, 2] * v[1:, 2]))


# ---------------------------------------------------------------- the streams

MASK = 0xFFFFFFFF


def quarter(s, a, b, c, d):
    for x, y, z, bits in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
        s[x] = (s[x] + s[y]) & MASK
        t = s[z] ^ s[x]
        s[z] = ((t << bits) | (t >> (32 - bits))) & MASK


def chacha8(key, counter, stream):
    head = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start = head + list(struct.unpack("<4I", struct.pack("<QQ", counter, stream)))
    s = start[:]
    for _ in range(4):
        for a, b, c, d in [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]:
            quarter(s, a, b, c, d)
        for a, b, c, d in [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]:
            quarter(s, a, b, c, d)
    return [(x + y) & MASK for x, y in zip(s, start)]


class Stream:
    """Role "direction" (number 4) of step k."""

    def __init__(self, step, seed=5, task=9):
        self.key = struct.pack("<Q", seed) + task.to_bytes(16, "little") + b"qopt" + bytes(4)
        self.stream = (step << 9) | 4
        self.words = []
        self.counter = 0

    def word(self):
        if not self.words:
            self.words = chacha8(self.key, self.counter, self.stream)
            self.counter += 1
        return self.words.pop(0)

    def real(self):
        low, high = self.word(), self.word()
        return ((low | (high << 32)) >> 11) * 2.0**-53

    def signs(self, count):
        return np.array([1.0 if self.word() >> 31 else -1.0 for _ in range(count)])

    def below(self, bound):
        return (self.word() * bound) >> 32

    def gaussians(self, count):
        out = []
        while len(out) < count:
            radius = np.sqrt(-2 * np.log(1 - self.real()))
            angle = 2 * np.pi * self.real()
            out += [radius * np.cos(angle), radius * np.sin(angle)]
        return np.array(out[:count])


# ---------------------------------------------------------------- the optimizers

ITERATIONS = 40


def of_rule(rule):
    x = jnp.array(START)
    state = rule.init(x)
    points = []
    for _ in range(ITERATIONS):
        updates, state = rule.update(jnp.array(gradient(np.array(x))), state, x)
        x = optax.apply_updates(x, updates)
        points.append([float(t) for t in x])
    return points


def rules():
    return {
        "sgd": of_rule(optax.sgd(0.1)),
        "momentum": of_rule(optax.sgd(0.05, momentum=0.9)),
        "nesterov": of_rule(optax.sgd(0.05, momentum=0.9, nesterov=True)),
        "rmsprop": of_rule(optax.rmsprop(0.05, decay=0.9, eps=1e-8, eps_in_sqrt=False)),
        "adagrad": of_rule(optax.adagrad(0.3, initial_accumulator_value=0.0, eps=1e-7)),
        "adam": of_rule(optax.adam(0.1)),
        "adamw": of_rule(optax.adamw(0.1, weight_decay=0.02)),
        "amsgrad": of_rule(optax.amsgrad(0.1)),
        "nadam": of_rule(optax.nadam(0.1)),
        "lion": of_rule(optax.lion(0.03, weight_decay=0.0)),
        "lion with decay": of_rule(optax.lion(0.03, b1=0.8, b2=0.95, weight_decay=0.05)),
        "signs": of_rule(optax.sign_sgd(0.05)),
        "normalized": of_rule(optax.chain(optax.normalize_by_update_norm(eps=0.0), optax.scale(-0.1))),
    }


def schedules():
    cosine = optax.cosine_decay_schedule(1.0, 30, alpha=0.1)
    warm = optax.join_schedules([optax.linear_schedule(1 / 6, 1.0, 5), cosine], [5])
    of = lambda schedule: [float(schedule(jnp.array(k, dtype=jnp.int64))) for k in range(50)]
    return {
        "factors": {
            "step": of(optax.exponential_decay(1.0, 7, 0.5, staircase=True)),
            "exponential": of(optax.exponential_decay(1.0, 1, 0.9)),
            "cosine": of(cosine),
            "warm-up, cosine": of(warm),
        },
        "adam, warm-up, cosine": of_rule(optax.adam(lambda k: 0.1 * warm(k.astype(jnp.int64)))),
        "adam, norm": of_rule(optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1))),
        "momentum, value": of_rule(optax.chain(optax.clip(0.3), optax.sgd(0.05, momentum=0.9))),
    }


def gains(rate, stability, iterations):
    k = np.arange(iterations)
    return rate * ((stability + 1) / (stability + 1 + k)) ** 0.602, 0.2 / (k + 1) ** 0.101


def of_spsa(make, per_iteration, rate, stability=3.0, iterations=25):
    calls = [0]
    stream = [None]

    def perturbation(dim, dims=None):
        if calls[0] % per_iteration == 0:
            stream[0] = Stream(calls[0] // per_iteration)
        calls[0] += 1
        return stream[0].signs(dim)

    qiskit_spsa.bernoulli_perturbation = perturbation
    rates, shifts = gains(rate, stability, iterations)
    points = []
    optimizer = make(
        maxiter=iterations,
        learning_rate=rates,
        perturbation=shifts,
        callback=lambda nfev, x, fx, dx, accepted: points.append([float(t) for t in x]),
    )
    optimizer.minimize(loss, START)
    return points


def spsas():
    second = dict(second_order=True, regularization=0.05)
    return {
        "spsa": of_spsa(lambda **o: SPSA(**o), 1, 0.15),
        "spsa, 3 directions": of_spsa(lambda **o: SPSA(resamplings=3, **o), 3, 0.15),
        "2-spsa": of_spsa(lambda **o: SPSA(hessian_delay=4, **second, **o), 2, 0.05),
        "2-spsa, 2 directions": of_spsa(lambda **o: SPSA(resamplings=2, **second, **o), 4, 0.05),
        "qn-spsa": of_spsa(lambda **o: QNSPSA(fidelity, blocking=False, regularization=0.05, **o), 2, 0.02),
    }


def rotosolve():
    optimizer = qml.RotosolveOptimizer()
    x = qml.numpy.array(START, requires_grad=True)
    points = []
    for _ in range(4):
        x = optimizer.step(lambda x: loss(np.array(x)), x, nums_frequency={"x": {(k,): 1 for k in range(5)}})
        points.append([float(t) for t in np.ravel(x)])
    return points


def rotoselect():
    optimizer = qml.RotoselectOptimizer(possible_generators=["X", "Y", "Z"])
    x, axes = START.copy(), ["Y"] * 5
    points, chosen = [], []
    for _ in range(3):
        x, axes = optimizer.step(lambda x, generators: axis_loss(x, generators), x, axes)
        points.append([float(t) for t in x])
        chosen.append("".join(axes))
    return {"points": points, "axes": chosen}


def icans(rate=0.2, lipschitz=9.0, iterations=30):
    class Recorded(qml.ShotAdaptiveOptimizer):
        def compute_grad(self, objective_fn, args, kwargs):
            x = np.array(args[0])
            return [gradient(x)], [shot_variance(x)]

    optimizer = Recorded(min_shots=2, stepsize=rate)
    optimizer.lipschitz = lipschitz
    optimizer.check_learning_rate = lambda *a: None
    x = qml.numpy.array(START, requires_grad=True)
    points, shots = [], []
    for _ in range(iterations):
        x = optimizer.step(lambda x: 0.0, x)
        points.append([float(t) for t in x])
        shots.append([int(s) for s in optimizer.s[0]])
    return {"points": points, "shots": shots}


def gcans(rate=0.2, lipschitz=9.0, mu=0.99, bias=1e-6, min_shots=2, iterations=30):
    """Algorithm 1 of arXiv:2108.10434; no program of other people is at hand."""
    x, chi, xi = START.copy(), np.zeros(5), np.zeros(5)
    points, shots = [], []
    for k in range(iterations):
        g, spread = gradient(x), np.sqrt(shot_variance(x))
        x = x - rate * g
        chi, xi = mu * chi + (1 - mu) * g, mu * xi + (1 - mu) * spread
        c, s = chi / (1 - mu ** (k + 1)), xi / (1 - mu ** (k + 1))
        wanted = 2 * lipschitz * rate / (2 - lipschitz * rate) * s * np.sum(s) / (np.sum(c**2) + bias * mu**k)
        shots.append([int(max(np.ceil(w), min_shots)) for w in wanted])
        points.append([float(t) for t in x])
    return {"points": points, "shots": shots}


def random_coordinate(rate=0.4, iterations=40):
    x = START.copy()
    points = []
    for k in range(iterations):
        i = Stream(k).below(5)
        x[i] -= rate * gradient(x)[i]
        points.append([float(t) for t in x])
    return points


def cma_es(population=None, iterations=60):
    class SymmetricRoot(purecma.CMAES):
        """Samples by the symmetric root of C: no choice of eigenvectors enters."""

        def ask(self):
            self.C.update_eigensystem(self.counteval, self.params.lazy_gap_evals)
            basis = np.array(self.C.eigenbasis)
            root = basis @ np.diag(np.sqrt(self.C.eigenvalues)) @ basis.T
            stream = Stream(int(self.counteval / self.params.lam))
            # A pair of normal numbers may be cut at the end of a member.
            return [list(np.array(self.xmean) + self.sigma * root @ stream.gaussians(5)) for _ in range(self.params.lam)]

    es = SymmetricRoot(list(START), 0.4, **({"popsize": population} if population else {}))
    points, sigmas = [], []
    for _ in range(iterations):
        members = es.ask()
        es.tell(members, [loss(np.array(x)) for x in members])
        points.append([float(t) for t in es.xmean])
        sigmas.append(float(es.sigma))
    return {"points": points, "sigmas": sigmas}


def minimum():
    best = min(
        (scipy.optimize.minimize(loss, START, jac=gradient, method=m, tol=1e-14) for m in ["L-BFGS-B", "BFGS", "CG"]),
        key=lambda r: r.fun,
    )
    return {"loss": float(best.fun), "point": [float(t) for t in best.x]}


json.dump(
    {
        "rules": rules(),
        "schedules": schedules(),
        "spsa": spsas(),
        "rotosolve": rotosolve(),
        "rotoselect": rotoselect(),
        "icans": icans(),
        "gcans": gcans(),
        "random coordinate": random_coordinate(),
        "cma-es": cma_es(),
        "cma-es, 13 members": cma_es(13),
        "minimum": minimum(),
    },
    sys.stdout,
    indent=None,
    separators=(",", ":"),
)
