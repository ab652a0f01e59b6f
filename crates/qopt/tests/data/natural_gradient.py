"""Quantum natural gradient as PennyLane does it, and numbers of shots that are best by the criterion of gCANS.

Run once, with PennyLane 0.45.1 and SciPy 1.17.1; `python natural_gradient.py > natural_gradient.json`. The tests of the
crate read only the JSON file.

Circuit, Hamiltonian and start are those of `nlr_reference.json` (its `conventions`). Gradient and metric are PennyLane's
own: the full metric by its Hadamard tests, with an auxiliary wire, and the block-diagonal one, its default, of one block
per layer of rotations that commute.
"""

import json
import sys

import numpy as np
import pennylane as qml
import scipy.optimize

QUBITS, LAYERS, FIELD = 4, 3, 0.8
ITERATIONS, RATE = 12, 0.1


def trajectory(approx, regularization):
    device = qml.device("default.qubit", wires=QUBITS + 1)

    @qml.qnode(device)
    def energy(theta):
        for layer in range(LAYERS):
            # All RY, then all RZ: PennyLane makes a new block where a rotation follows another one on its qubit.
            for qubit in range(QUBITS):
                qml.RY(theta[2 * (QUBITS * layer + qubit)], wires=qubit)
            for qubit in range(QUBITS):
                qml.RZ(theta[2 * (QUBITS * layer + qubit) + 1], wires=qubit)
            for qubit in range(QUBITS - 1):
                qml.CZ(wires=[qubit, qubit + 1])
        bonds = [qml.PauliZ(q) @ qml.PauliZ(q + 1) for q in range(QUBITS - 1)]
        fields = [qml.PauliX(q) for q in range(QUBITS)]
        return qml.expval(qml.Hamiltonian([-1.0] * len(bonds) + [-FIELD] * len(fields), bonds + fields))

    optimizer = qml.QNGOptimizer(RATE, approx=approx, lam=regularization)
    count = 2 * QUBITS * LAYERS
    theta = qml.numpy.array([(0.1 + 0.37 * k) % (2 * np.pi) for k in range(count)], requires_grad=True)
    losses, points = [], []
    for _ in range(ITERATIONS):
        theta, loss = optimizer.step_and_cost(energy, theta)
        losses.append(float(loss))
        points.append([float(t) for t in theta])
    return {"regularization": regularization, "losses": losses, "points": points}


def best_shots(gradient, spreads, rate, lipschitz):
    """The shots s that maximise the expected gain of a step per shot: gCANS says in closed form what they are.

    gain(s) = ((rate - L rate^2 / 2) |g|^2 - L rate^2 / 2 sum_i spread_i^2 / s_i) / sum_i s_i
    """
    g2, half = float(np.sum(np.square(gradient))), lipschitz * rate**2 / 2

    def cost(logs):
        s = np.exp(logs)
        bracket = (rate - half) * g2 - half * np.sum(np.square(spreads) / s)
        total = np.sum(s)
        value = -bracket / total
        slope = -(half * np.square(spreads) / s / total - bracket * s / total**2)
        return value, slope

    # From many shots, where the gain is positive; values and slopes are scaled to be of order one there.
    start = np.log(np.full(len(gradient), 10 * half * np.sum(np.square(spreads)) / ((rate - half) * g2)))
    scale = abs(cost(start)[0])
    found = scipy.optimize.minimize(
        lambda x: tuple(v / scale for v in cost(x)), start, jac=True, method="BFGS", options={"gtol": 1e-12}
    )
    return [float(s) for s in np.exp(found.x)]


def shots():
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(20):
        gradient, spreads = rng.normal(size=5) * 0.1, rng.uniform(0.5, 2.0, size=5)
        rate, lipschitz = float(rng.uniform(0.02, 0.15)), 9.0
        best = best_shots(gradient, spreads, rate, lipschitz)
        cases.append(
            {
                "gradient": gradient.tolist(),
                "spreads": spreads.tolist(),
                "rate": rate,
                "lipschitz": lipschitz,
                "shots": best,
            }
        )
    return cases


json.dump(
    {
        "full": trajectory(None, 0.05),
        "blocks": trajectory("block-diag", 0.01),
        "best shots": shots(),
    },
    sys.stdout,
    indent=None,
    separators=(",", ":"),
)
