"""Chunked evaluation gives what one call on the broadcast arrays gives, and calls with pieces of the right size."""

import numpy as np
import pytest

from qet.foundations.chunks import in_chunks


def table(x, y, z):
    return x + 10 * y, x * z, np.stack([x + y, x - y], axis=-1)


@pytest.mark.parametrize(
    "shapes",
    [
        ((100,), (100,), ()),
        ((20, 5), (20, 5), (20, 5)),
        ((20, 1), (1, 7), ()),
        ((4, 1, 6), (5, 1), (6,)),
        ((1,), (1,), (53,)),
    ],
)
@pytest.mark.parametrize("size", [3, 7, 64, 1000])
def test_pieces_make_the_whole(shapes, size):
    rng = np.random.default_rng(1)
    x, y, z = (rng.normal(size=shape) if shape else float(rng.normal()) for shape in shapes)
    got = in_chunks(lambda x, y, z: table(x + 0 * y + 0 * z, y, z), x, y, z, size=size)
    shape = np.broadcast_shapes(*shapes)
    X, Y, Z = (np.broadcast_to(v, shape) for v in (x, y, z))
    for mine, whole in zip(got, table(X, Y, Z), strict=True):
        assert mine.shape == whole.shape
        assert np.array_equal(mine, whole)


def test_non_contiguous_and_transposed_inputs_are_read_in_the_right_order():
    x = np.arange(60.0).reshape(6, 10).T
    y = np.arange(120.0).reshape(10, 12)[:, ::2]
    assert np.array_equal(in_chunks(lambda x, y: (x - y,), x, y, size=7)[0], x - y)


def test_no_piece_is_larger_than_asked_and_numbers_stay_numbers():
    sizes, kinds = [], set()

    def function(x, n):
        sizes.append(x.size)
        kinds.add(type(n))
        return (x * n,)

    in_chunks(function, np.ones(1000), np.array(2.0), size=64)
    assert (max(sizes), sum(sizes), len(sizes)) == (64, 1000, 16)
    assert kinds == {float}
    sizes.clear()
    in_chunks(function, np.ones((50, 1)) * np.ones(20), 2.0, size=500)
    assert sizes == [1000]  # up to twice the size goes in one call


def test_numbers_alone_call_the_function_once_with_numbers():
    assert in_chunks(lambda x, y: (x + y, x), 1.0, 2.0) == (3.0, 1.0)


def test_an_output_that_is_a_number_stays_one_until_a_piece_differs():
    x = np.arange(30.0)
    always, sometimes = in_chunks(lambda x: (1.0, np.where(x > 12, 2.0, 1.0) if x.max() > 12 else 1.0), x, size=5)
    assert isinstance(always, float)
    assert always == 1.0
    assert sometimes.tolist() == [1.0] * 13 + [2.0] * 17


def test_outputs_that_are_one_object_share_memory_until_a_piece_differs():
    x = np.arange(30.0)

    def function(x):
        y = 2 * x
        return y, y if x.max() < 20 else -y

    same, other = in_chunks(function, x[:15], size=4)
    assert np.shares_memory(same, other)
    same, other = in_chunks(function, x, size=5)
    assert np.array_equal(same, 2 * x)
    assert np.array_equal(other, np.where(np.arange(30) < 20, 2 * x, -2 * x))


def test_an_empty_batch_gives_empty_outputs():
    assert in_chunks(lambda x: (2 * x,), np.ones((0, 3)))[0].shape == (0, 3)
