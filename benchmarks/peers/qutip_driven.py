"""QuTiP on W4: prebuilt operators, the generator as a sparse superoperator, its steady state by the fastest method.

Called as: python qutip_driven.py GIVEN.npz RETURNED.npz. Stops when its budget of CPU seconds is spent.
"""

import sys
import time

import numpy as np
import qutip
import scipy

given = dict(np.load(sys.argv[1]))
n = int(given["n"][0])
one = [qutip.qeye(2)] * n


def at(site, operator):
    return qutip.tensor([*one[:site], operator, *one[site + 1 :]])


X, Y, Z = ([at(j, letter()) for j in range(n)] for letter in (qutip.sigmax, qutip.sigmay, qutip.sigmaz))
UP = {j: at(j, qutip.basis(2, 0) * qutip.basis(2, 1).dag()) for j in (0, n - 1)}
XXYY = sum(X[j] * X[j + 1] + Y[j] * Y[j + 1] for j in range(n - 1))
ZZ = sum(Z[j] * Z[j + 1] for j in range(n - 1))
CURRENT = X[0] * Y[1] - Y[0] * X[1]


def point(i, options):
    J, gamma, mu = given["J"][i], given["gamma"][i], given["mu"][i]
    H = J * (XXYY + given["Delta"][i] * ZZ)
    rates = {0: (gamma * (1 + mu), gamma * (1 - mu)), n - 1: (gamma * (1 - mu), gamma * (1 + mu))}
    jumps = [
        np.sqrt(rate) * op for j, both in rates.items() for rate, op in zip(both, (UP[j], UP[j].dag()), strict=True)
    ]
    rho = qutip.steadystate(H, jumps, **options)
    return [*(qutip.expect(op, rho) for op in Z), 2 * J * qutip.expect(CURRENT, rho)]


WAYS = {
    "direct": {"method": "direct"},
    "direct, dense": {"method": "direct", "sparse": False},
    "power": {"method": "power"},
}
tried = {}
for name, options in WAYS.items():
    start = time.process_time()
    try:
        value = point(0, options)
    except Exception as error:  # noqa: BLE001 - a way that fails is left out
        print(name, error, file=sys.stderr)
        continue
    if np.all(np.isfinite(value)):
        tried[name] = time.process_time() - start
best = min(tried, key=tried.get)
found, seconds = [], []
while sum(seconds) < float(given["budget"]) and len(found) < len(given["J"]):
    start = time.process_time()
    found.append(point(len(found), WAYS[best]))
    seconds.append(time.process_time() - start)
np.savez(
    sys.argv[2],
    seconds=seconds,
    means=np.real(np.array(found)),
    version=qutip.__version__,
    method=best,
    numpy=np.__version__,
    scipy=scipy.__version__,
)
