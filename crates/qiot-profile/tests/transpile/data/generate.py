"""Circuits, and how many SWAPs and CX Qiskit's compiler takes for them on coupling maps.

Makes the files of this folder again: python generate.py COUPLINGS.json. Needs qiskit (recorded with 2.6). COUPLINGS.json maps a
device's name to its list of undirected pairs, as the profiles of the crate have them.

SWAPs: SabreLayout with its defaults (20 trials of layout and of routing, the best one taken) after everything but CX and
rotations has been decomposed, the median of 11 seeds. Layouts without SWAPs are looked for first, as Qiskit does (VF2Layout).
CX: transpile at optimization level 3 to rz, sx, x, cx, the median of 11 seeds.
"""

import json
import random
import statistics
import sys

import qiskit
from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.transpiler import CouplingMap, PassManager
from qiskit.transpiler.passes import SabreLayout, VF2Layout
from qiskit.transpiler.passes.layout.vf2_layout import VF2LayoutStopReason


def qft(n):
    circuit = QuantumCircuit(n)
    for k in reversed(range(n)):
        circuit.h(k)
        for j in range(k):
            circuit.cp(3.141592653589793 / 2 ** (k - j), j, k)
    return circuit


def ring(n, layers):
    circuit = QuantumCircuit(n)
    for layer in range(layers):
        for k in range(n):
            circuit.ry(0.1 + 0.2 * layer + 0.3 * k, k)
        for k in range(n):
            circuit.cx(k, (k + 1) % n)
    return circuit


def qaoa(n, degree, layers, seed):
    rng = random.Random(seed)
    # Chords of a ring.
    edges = {(k, (k + 1) % n) for k in range(n)}
    while len(edges) < n * degree // 2:
        a, b = rng.sample(range(n), 2)
        if (a, b) not in edges and (b, a) not in edges:
            edges.add((a, b))
    circuit = QuantumCircuit(n)
    circuit.h(range(n))
    for layer in range(layers):
        for a, b in sorted(edges):
            circuit.cx(a, b)
            circuit.rz(0.4 + 0.1 * layer, b)
            circuit.cx(a, b)
        circuit.rx(0.7, range(n))
    return circuit


def feature_map(n):
    circuit = QuantumCircuit(n)
    for _ in range(2):
        for k in range(n):
            circuit.h(k)
            circuit.p(0.2 * k + 0.1, k)
        for a in range(n):
            for b in range(a + 1, n):
                circuit.cx(a, b)
                circuit.p(0.3 * a + 0.1 * b + 0.2, b)
                circuit.cx(a, b)
    return circuit


def scattered(n, gates, seed):
    rng = random.Random(seed)
    circuit = QuantumCircuit(n)
    for _ in range(gates):
        a, b = rng.sample(range(n), 2)
        circuit.cx(a, b)
        circuit.ry(round(rng.uniform(-3, 3), 3), b)
    return circuit


def main():
    with open(sys.argv[1]) as file:
        couplings = json.load(file)
    cases = [
        ("qft6", qft(6), "line6"),
        ("ring6", ring(6, 4), "perth"),
        ("feature_map5", feature_map(5), "quito"),
        ("qaoa10", qaoa(10, 3, 2, 1), "guadalupe"),
        ("scattered8", scattered(8, 60, 2), "guadalupe"),
        ("scattered12", scattered(12, 60, 3), "kolkata"),
        ("qft8", qft(8), "kolkata"),
    ]
    recorded = []
    for name, circuit, device in cases:
        edges = couplings[device]
        both = [edge for a, b in edges for edge in ((a, b), (b, a))]
        coupling = CouplingMap(both)
        basis = ["rz", "sx", "x", "cx"]
        flat = transpile(circuit, basis_gates=basis, optimization_level=0)
        swaps, cx = [], []
        for seed in range(11):
            layout = VF2Layout(coupling, seed=seed)
            passes = PassManager([layout])
            passes.run(flat)
            if passes.property_set["VF2Layout_stop_reason"] == VF2LayoutStopReason.SOLUTION_FOUND:
                swaps.append(0)
            else:
                routed = PassManager([SabreLayout(coupling, seed=seed)]).run(flat)
                swaps.append(routed.count_ops().get("swap", 0))
            native = transpile(circuit, basis_gates=basis, coupling_map=coupling, optimization_level=3, seed_transpiler=seed)
            cx.append(native.count_ops()["cx"])
        with open(name + ".qasm", "w") as file:
            file.write(qasm3.dumps(circuit))
        recorded.append({"name": name, "device": device, "swaps": statistics.median(swaps), "cx": statistics.median(cx)})
        print(recorded[-1], swaps, cx)
    with open("recorded.json", "w") as file:
        json.dump({"qiskit": qiskit.__version__, "cases": recorded}, file, indent=1)
        file.write("\n")


main()
