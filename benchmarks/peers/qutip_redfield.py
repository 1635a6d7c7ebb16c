"""QuTiP on W3: Bloch-Redfield tensor without secular approximation, σx coupling, then its steady state.

Called as: python qutip_redfield.py GIVEN.npz RETURNED.npz. Stops when its budget of CPU seconds is spent.
"""

import sys
import time

import numpy as np
import qutip
import scipy

given = dict(np.load(sys.argv[1]))
names = ("h", "k", "detuning", "TA", "TB", "gA", "gB")
table = np.array([given[name] for name in names]).T
x, y, z, one = qutip.sigmax(), qutip.sigmay(), qutip.sigmaz(), qutip.qeye(2)
ZA, ZB, XX, XY, XA, XB = (qutip.tensor(a, b) for a, b in ((z, one), (one, z), (x, x), (x, y), (x, one), (one, x)))


def spectrum(T, rate):
    def density(w):  # QuTiP wants exactly one parameter, named w
        n = 1 / np.expm1(np.abs(w) / T) if w != 0 else 0.0
        return rate * (1 + n) if w > 0 else rate * n

    return density


def point(row):
    h, k, detuning, TA, TB, gA, gB = row
    H = (h + detuning / 2) * ZA + (h - detuning / 2) * ZB + 2 * k * XX
    baths = [[XA, spectrum(TA, gA)], [XB, spectrum(TB, gB)]]
    R = qutip.bloch_redfield_tensor(H, a_ops=baths, sec_cutoff=-1, fock_basis=True)
    rho = qutip.steadystate(R)
    return [qutip.expect(operator, rho) for operator in (ZA, ZB, XX, XY)]


point(table[0])
found, seconds = [], []
while sum(seconds) < float(given["budget"]) and len(found) < len(table):
    start = time.process_time()
    found.append(point(table[len(found)]))
    seconds.append(time.process_time() - start)
columns = dict(zip(("Z0", "Z1", "X0X1", "X0Y1"), np.real(np.array(found)).T, strict=True))
np.savez(
    sys.argv[2],
    seconds=seconds,
    version=qutip.__version__,
    method="bloch_redfield_tensor",
    numpy=np.__version__,
    scipy=scipy.__version__,
    **columns,
)
