"""Checks that Qiskit reads the files of this project's OpenQASM writer back to the same unitary.

    python check_writer.py REWRITE ORIGINAL.qasm...

REWRITE is the example program `rewrite_qasm` (cargo build -p qcore --features qasm --example rewrite_qasm), which reads a file
and writes it anew. Both files are read by Qiskit, their parameters bound by name to the same numbers, and the unitaries
compared, global phase included. Needs qiskit 2.6 and qiskit-qasm3-import 0.6.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np
from qiskit import qasm2, qasm3
from qiskit.quantum_info import Operator


def load(text):
    if re.search(r"^OPENQASM 2", text, re.M):
        return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    return qasm3.loads(text)


def unitary(text):
    circuit = load(text)
    values = {p: 0.37 + 0.61 * len(p.name) + 0.11 * sum(map(ord, p.name)) % 3 for p in circuit.parameters}
    circuit = circuit.assign_parameters(values)
    circuit.remove_final_measurements()
    # A register of bits stays behind; it does not matter here.
    return Operator(circuit).data


def misread(text):
    """qiskit-qasm3-import 0.6 binds the arguments of a gate in the alphabetical order of their names."""
    heads = re.findall(r"^gate \w+\(([^)]*)\)", text, re.M)
    return any(names != sorted(names) for names in (re.split(r"\s*,\s*", head.strip()) for head in heads))


worst = 0.0
for path in map(pathlib.Path, sys.argv[2:]):
    rewritten = subprocess.run([sys.argv[1], path], check=True, capture_output=True, text=True).stdout
    if misread(path.read_text()):
        print(f"{path.name}: Qiskit misreads the original; the rewritten file has the same operations without definitions")
        unitary(rewritten)
        continue
    try:
        original = unitary(path.read_text())
    except Exception as error:  # Qiskit does not read everything that it writes.
        print(f"{path.name}: Qiskit does not read the original: {str(error).splitlines()[0][:90]}")
        unitary(rewritten)
        continue
    difference = np.abs(original - unitary(rewritten)).max()
    worst = max(worst, difference)
    print(f"{path.name}: {difference:.1e}")
assert worst < 1e-9, worst
