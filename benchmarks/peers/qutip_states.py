"""QuTiP on W1: prebuilt operators; ground state (or Gibbs state where T is given), four means, then arithmetic.

Called as: python qutip_states.py GIVEN.npz RETURNED.npz. Stops when its budget of CPU seconds is spent.
"""

import sys
import time

import numpy as np
import qutip
import scipy

given = dict(np.load(sys.argv[1]))
h, k = given["h"], given["k"]
x, y, z, one = qutip.sigmax(), qutip.sigmay(), qutip.sigmaz(), qutip.qeye(2)
FORMAT = "Dense"  # small matrices: faster than the sparse default
ZA, ZB, XX, XY = (qutip.tensor(a, b).to(FORMAT) for a, b in ((z, one), (one, z), (x, x), (x, y)))
ZZ = ZA + ZB


def point(i):
    H = h[i] * ZZ + (2 * k[i]) * XX
    if "T" in given:
        rho = (H * (-1 / given["T"][i])).expm()
        state = rho / rho.tr()
    else:
        state = H.groundstate()[1]
    zA, zB, xx, xy = (qutip.expect(operator, state) for operator in (ZA, ZB, XX, XY))
    b, c = h[i], 2 * k[i]
    along, cross = b * zB + c * xx, b * xx - c * zB
    size = np.hypot(b, c) * np.sqrt(zB * zB + xx * xx + xy * xy)
    gain = size + along if along > 0 else (cross * cross + (b * b + c * c) * xy * xy) / (size - along)
    return -h[i] * zA, gain


point(0)
found, seconds = [], []
while sum(seconds) < float(given["budget"]) and len(found) < len(h):
    start = time.process_time()
    found.append(point(len(found)))
    seconds.append(time.process_time() - start)
injected, extracted = np.array(found).T
np.savez(
    sys.argv[2],
    seconds=seconds,
    injected=injected,
    extracted=extracted,
    version=qutip.__version__,
    method="expm" if "T" in given else "groundstate",
    numpy=np.__version__,
    scipy=scipy.__version__,
)
