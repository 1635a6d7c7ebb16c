"""Large batches through compiled programs: the plain function's numbers, whatever the threads and the place."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from qet.foundations import chunks
from qet.foundations.chunks import in_chunks
from qet.foundations.kernels_tape import BLOCK
from qet.foundations.threads import thread_count, threads
from qet.foundations.zeros import safe_divisor

EPS = float(np.finfo(float).eps)
POINTS = chunks.LARGE + 77


def both(function, *inputs, monkeypatch):
    fast = in_chunks(function, *inputs, is_elementwise=True)
    return fast, in_chunks(function, *inputs)


def counted(monkeypatch):
    """What goes through programs: the number of blocks played, and of those where a guard failed."""
    from qet.foundations import blocks

    played = {"blocks": 0, "failed": 0, "ways": 0}
    original = blocks._played

    def watch(*arguments):
        failed = original(*arguments)
        played["blocks"] += len(failed)
        played["failed"] += int((failed > 0).sum())
        return failed

    monkeypatch.setattr(blocks, "_played", watch)
    return played


SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1e308, -1e308, 709.7, 710.0, -745.0, 1.0, -1.0]
)


def mixed(rng, points=POINTS):
    """Numbers of every size and sign, and the special ones in every pair."""
    x = rng.normal(size=points) * 10.0 ** rng.uniform(-12, 3, points)
    y = rng.normal(size=points) * 10.0 ** rng.uniform(-12, 3, points)
    pairs = np.array([(a, b) for a in SPECIAL for b in SPECIAL])
    places = rng.permutation(points)[: len(pairs)]
    x[places], y[places] = pairs.T
    return x, y


EXACT = {
    "sum": lambda x, y: x + y,
    "difference": lambda x, y: 2.0 - (x - y),
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: x / y,
    "product in a sum": lambda x, y: x * y + x,
    "product in a difference": lambda x, y: x * y - y,
    "product taken away": lambda x, y: x - y * y,
    "two products": lambda x, y: x * x - y * y,
    "minus": lambda x, y: -x,
    "size": lambda x, y: np.abs(x) + abs(y),
    "root": lambda x, y: np.sqrt(x) - np.sqrt(np.abs(y)),
    "greater": lambda x, y: np.maximum(x, y) + 1.0,
    "smaller": lambda x, y: np.minimum(x, y) + 1.0,
    "sign": lambda x, y: np.sign(x),
    "copied sign": lambda x, y: np.copysign(x, y),
    "choice": lambda x, y: np.where(x < y, x, -1.0),
    "comparisons": lambda x, y: np.where((x <= y) & ~(x == y) | (x > 3.0) | (y >= 3.0) & (x != 1.0), 1.0, y),
    "not a number": lambda x, y: np.where(np.isnan(x) | ~np.isfinite(y), 0.0, x),
    "powers": lambda x, y: x**2 + np.square(y) + x**1,
    "reflected": lambda x, y: 1.0 / (2.0 - x) + 3.0 * y,
}


@pytest.mark.parametrize("name", EXACT)
def test_arithmetic_gives_the_bits_of_the_plain_function(name, monkeypatch):
    played = counted(monkeypatch)
    x, y = mixed(np.random.default_rng(1))
    with np.errstate(all="ignore"):
        (fast,), (plain,) = both(lambda x, y: (EXACT[name](x, y),), x, y, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(fast, plain)
    is_number = ~np.isnan(plain)
    assert np.array_equal(np.signbit(fast)[is_number], np.signbit(plain)[is_number]) or name in ("greater", "smaller")
    assert played["blocks"] == -(-POINTS // BLOCK)
    assert played["failed"] == 0


@pytest.mark.parametrize("function", [np.exp, np.expm1, np.tanh], ids=lambda f: f.__name__)
def test_exponentials_are_right_to_three_units_in_the_last_place(function, monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(2)
    x = np.concatenate([mixed(rng)[0], rng.uniform(-750, 750, POINTS), rng.uniform(-3, 3, POINTS)])
    with np.errstate(all="ignore"):
        (fast,), (plain,) = both(lambda x: (function(x),), x, monkeypatch=monkeypatch)
        is_regular = np.isfinite(plain) & (np.abs(plain) > 1e-300)
        assert np.all(np.abs(fast - plain)[is_regular] <= 3 * EPS * np.abs(plain)[is_regular])
        # subnormal results have fewer digits, and the largest may round to infinity
        rest = ~is_regular & ~((fast == plain) | (np.isnan(fast) & np.isnan(plain)))
        assert np.all(np.abs(fast - plain)[rest] <= 1e-15 * np.abs(plain)[rest] + 1e-323)
    zero = plain == 0.0
    assert np.array_equal(np.signbit(fast)[zero], np.signbit(plain)[zero])
    assert played["blocks"] > 0


def test_rare_functions_agree(monkeypatch):
    x, y = mixed(np.random.default_rng(3))
    with np.errstate(all="ignore"):
        fast, plain = both(
            lambda x, y: (np.hypot(x, y), np.log(x), np.abs(x) ** 0.3, np.abs(x) ** y), x, y, monkeypatch=monkeypatch
        )
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)  # a power of up to 1e3 · log is off by that many roundings


def branching(x, y):
    if np.min(x, initial=1.0) > 0.0:
        u = np.sqrt(x)
    else:
        u = -np.sqrt(np.maximum(-x, 0.0)) + np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    if np.any(y > 5.0) or np.max(y) < -1e300:
        return u / safe_divisor(np.abs(y)), y > 5.0, 2.0
    return u * y, y > 5.0, 2.0


def test_a_block_takes_the_way_that_its_points_ask_for(monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0.1, 1.0, POINTS), rng.uniform(-1.0, 1.0, POINTS)
    x[5000:5300] *= -1.0
    y[20000], y[40000] = 6.0, 7.0
    fast = in_chunks(branching, x, y, is_elementwise=True)
    whole = [in_chunks(branching, x[i : i + BLOCK], y[i : i + BLOCK]) for i in range(0, POINTS, BLOCK)]
    for k in range(2):
        np.testing.assert_array_equal(fast[k], np.concatenate([np.broadcast_to(w[k], len(w[1])) for w in whole]))
    assert fast[2] == 2.0
    assert 0 < played["failed"] < 20


def test_more_ways_than_programs_go_through_the_function(monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(5)
    x = rng.uniform(0.5, 1.5, POINTS) * 10.0 ** (np.arange(POINTS) // 4096)

    def function(x):
        for k in range(20):
            if np.max(x) < 10.0**k:
                return (x * 2.0**k / 2.0**k,)
        return (x,)

    fast = in_chunks(function, x, is_elementwise=True)[0]
    np.testing.assert_array_equal(fast, x)
    assert 50 < played["failed"] < played["blocks"]


def test_a_point_has_the_same_bits_for_any_number_of_threads_and_at_any_place():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, POINTS + 1000))

    def function(x, y):
        return np.tanh(x) / (1.0 + np.exp(y)) + np.sqrt(np.abs(x * y)), x > y

    with threads(1):
        one = in_chunks(function, x, y, is_elementwise=True)
        shifted = in_chunks(function, x[37:], y[37:], is_elementwise=True)
    with threads(2):
        two = in_chunks(function, x, y, is_elementwise=True)
    with threads(5):
        five = in_chunks(function, x, y, is_elementwise=True)
    for k in range(2):
        assert one[k].tobytes() == two[k].tobytes() == five[k].tobytes()
        assert one[k][37:].tobytes() == shifted[k].tobytes()


def test_outputs_of_every_kind_come_out_as_from_the_plain_function(monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, POINTS))

    def function(x, y, c):
        s = x * c
        return x, s, s, -s, 0.5, False, np.stack(np.broadcast_arrays(s, 1.5, y), axis=-1), x < y, np.where(x > 0, s, s)

    fast, plain = both(function, x, y, 0.25, monkeypatch=monkeypatch)
    for a, b in zip(fast, plain, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
    assert fast[1] is not fast[0]
    assert np.shares_memory(fast[1], fast[2])
    assert not np.shares_memory(fast[0], x)
    assert played["blocks"] > 0


def test_axes_that_broadcast_are_never_expanded_and_give_the_same(monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(700, 1)), rng.normal(size=(1, 901))
    fast, plain = both(lambda x, y: (x * y + np.sqrt(np.abs(x)),), x, y, monkeypatch=monkeypatch)
    assert fast[0].shape == (700, 901)
    np.testing.assert_array_equal(fast[0], plain[0])
    strided = rng.normal(size=(POINTS, 3)).T
    fast, plain = both(lambda x, y, z: (x * y + z,), *strided, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(fast[0], plain[0])
    assert played["failed"] == 0


def test_complex_values_are_two_real_ones(monkeypatch):
    played = counted(monkeypatch)
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(2, POINTS))

    def function(x, y):
        z = x + 1j * y
        w = (z * np.conj(z) - 2.0 * z + z * x) / y - 1j
        return np.real(w * w), np.imag(w), (-w).real, z.imag * np.real(x), np.iscomplexobj(z), np.isrealobj(x)

    fast, plain = both(function, x, y, monkeypatch=monkeypatch)
    for a, b in zip(fast[:4], plain[:4], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)  # NumPy contracts complex products; 1/y adds digits
    assert fast[4:] == plain[4:]
    assert played["blocks"] > 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (np.sort(x),),
        lambda x: (x[::-1].copy(),),
        lambda x: (np.asarray(x) + 1.0,),
        lambda x: (x + np.arange(len(x)) * 0.0,),
        lambda x: (x // 1.0,),
        lambda x: (np.cumsum(x * 0.0),),
        lambda x: (np.full(x.shape, 2.0),),
        lambda x: (np.add(x, 1.0, dtype=np.float32).astype(float),),
        lambda x: (x * (1.0 + 2.0j),),
    ],
)
def test_what_cannot_be_recorded_goes_through_the_function(function, monkeypatch):
    played = counted(monkeypatch)
    x = np.sort(np.random.default_rng(10).uniform(size=POINTS))
    if "sort" in str(function.__code__.co_names) or "copy" in str(function.__code__.co_names):
        x[:] = 0.5  # so that the pieces do not matter
    fast, plain = both(function, x, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(fast[0], plain[0])
    assert played["blocks"] == 0


def test_other_numbers_than_doubles_go_through_the_function(monkeypatch):
    played = counted(monkeypatch)
    fast, plain = both(lambda x: (x * 2,), np.arange(POINTS), monkeypatch=monkeypatch)
    assert fast[0].dtype == plain[0].dtype
    np.testing.assert_array_equal(fast[0], plain[0])
    assert played["blocks"] == 0


def test_small_batches_never_meet_the_compiler(monkeypatch):
    played = counted(monkeypatch)
    in_chunks(lambda x: (x * 2.0,), np.ones(chunks.LARGE - 1), is_elementwise=True)
    assert played["blocks"] == 0
    in_chunks(lambda x: (x * 2.0,), np.ones(chunks.LARGE), is_elementwise=True)
    assert played["blocks"] == chunks.LARGE // BLOCK


def test_without_numba_large_batches_are_plain(monkeypatch):
    played = counted(monkeypatch)
    monkeypatch.setattr(chunks, "find_spec", lambda name: None)
    x = np.linspace(0.0, 1.0, POINTS)
    np.testing.assert_array_equal(in_chunks(lambda x: (x * 2.0,), x, is_elementwise=True)[0], x * 2.0)
    assert played["blocks"] == 0


def test_an_error_of_the_function_is_the_caller_s(monkeypatch):
    def function(x):
        if np.any(x > 2.0):
            raise ZeroDivisionError("no")
        return (x,)

    x = np.ones(POINTS)
    x[-1] = 3.0
    with pytest.raises(ZeroDivisionError, match="no"):
        in_chunks(function, x, is_elementwise=True)


def test_threads_follow_the_settings_and_yield_to_workers(monkeypatch):
    import os
    import threading

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_count() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert thread_count() == cores
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert thread_count() == 1
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    found = []
    other = threading.Thread(target=lambda: found.append(thread_count()))
    other.start()
    other.join()
    assert found == [1]
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    assert thread_count() == 1
    with threads(3):
        assert thread_count() == 3


def test_a_program_is_made_once_for_a_structure():
    from qet.foundations.programs import program

    x = np.random.default_rng(11).normal(size=POINTS)
    program.cache_clear()
    for _ in range(3):
        in_chunks(lambda x: (x * x + 12.0,), x, is_elementwise=True)
    assert program.cache_info().misses == 1


def test_importing_the_package_does_not_load_numba():
    import subprocess

    code = "import sys, qet; qet.teleport(qet.ground(qet.minimal(h=1.0, k=1.0))); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_where_nothing_can_be_kept_on_disk_kernels_are_compiled_all_the_same(monkeypatch):
    from numba.core import caching

    from qet.foundations.kernels_tape import compiled

    def nowhere(*_):
        raise RuntimeError("cannot cache function: no locator available")

    def double(x):
        return 2.0 * x

    monkeypatch.setattr(caching.FunctionCache, "__init__", nowhere)
    assert compiled()(double)(2.0) == 4.0
