"""Table I of K. Ikeda, Phys. Rev. Applied 20, 024051 (2023), arXiv:2301.02666: the analytical rows.

There every term carries the constant that makes its ground-state mean vanish. E0 is Alice's energy after her
measurement; H1, V and E1 = H1 + V are Bob's terms after his rotation, so E_B = -E1.
"""

import numpy as np
import pytest

import qet

ROWS = [  # h, k, E0, H1, V, E1 as printed
    (1.0, 0.2, 0.9806, 0.0521, -0.0701, -0.0180),
    (1.0, 0.5, 0.8944, 0.1873, -0.2598, -0.0726),
    (1.0, 1.0, 0.7071, 0.2598, -0.3746, -0.1147),
    (1.5, 1.0, 1.2481, 0.3480, -0.4905, -0.1425),
]


@pytest.mark.parametrize(("h", "k", "E0", "H1", "V", "E1"), ROWS)
def test_the_ledger_prints_the_analytical_rows(h, k, E0, H1, V, E1):
    run = qet.teleport(qet.ground(qet.minimal(h=h, k=k, offsets=True)))
    ledger = run.ledger
    np.testing.assert_allclose(np.asarray(ledger)[:, 0], 0.0, atol=1e-14)  # every mean vanishes before
    printed = [ledger["H_A"][1], ledger["H_B"][3], ledger["V"][3], ledger["H_B"][3] + ledger["V"][3]]
    np.testing.assert_allclose(printed, [E0, H1, V, E1], atol=1.1e-4)  # the last printed digit is not rounded
    np.testing.assert_allclose([run.injected, -run.extracted], [E0, E1], atol=6e-5)


@pytest.mark.parametrize(("h", "k"), [(row[0], row[1]) for row in ROWS])
def test_offsets_change_no_energy_difference(h, k):
    plain, shifted = (qet.teleport(qet.ground(qet.minimal(h=h, k=k, offsets=how))) for how in (False, True))
    for name in ("injected", "extracted", "local", "leak"):
        np.testing.assert_allclose(getattr(shifted, name), getattr(plain, name), atol=1e-15)
