"""Sixty-four bytes at a time: small LLVM intrinsics for numba, on whatever vector registers the machine has.

They read by raw address and give up bounds checks: callers see to it that 64 bytes from `at` are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WIDTH = 64
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_LANES = ir.VectorType(_BYTE, WIDTH)
QUOTE, BACKSLASH, NEWLINE = 34, 92, 10
SIMPLE_ESCAPES = b'"\\/bfnrt'  # what may follow a backslash, `u` apart


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [at])


def _lanes(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    pointer = _pointer(context, builder, array_type, array, at)
    lanes = builder.load(builder.bitcast(pointer, _LANES.as_pointer()))
    lanes.align = 1
    return lanes


def _splat(byte: int) -> Any:
    return ir.Constant(_LANES, [byte] * WIDTH)


def _mask(builder: Any, lanes: Any) -> Any:
    return builder.bitcast(lanes, _WORD)


@intrinsic  # type: ignore[untyped-decorator]
def structure(typingctx: Any, data: Any, at: Any) -> Any:
    """(quotes, backslashes, control characters) among 64 bytes, a bit each."""
    signature = types.UniTuple(types.uint64, 3)(data, at)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = _lanes(context, builder, sig.args[0], *args)
        masks = [
            _mask(builder, builder.icmp_unsigned("==", lanes, _splat(QUOTE))),
            _mask(builder, builder.icmp_unsigned("==", lanes, _splat(BACKSLASH))),
            _mask(builder, builder.icmp_unsigned("<", lanes, _splat(32))),
        ]
        return context.make_tuple(builder, sig.return_type, masks)

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def escapable(typingctx: Any, data: Any, at: Any) -> Any:
    """Which of 64 bytes are a simple escape behind a backslash."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = _lanes(context, builder, sig.args[0], *args)
        found = builder.icmp_unsigned("==", lanes, _splat(SIMPLE_ESCAPES[0]))
        for byte in SIMPLE_ESCAPES[1:]:
            found = builder.or_(found, builder.icmp_unsigned("==", lanes, _splat(byte)))
        return _mask(builder, found)

    return types.uint64(data, at), generate


@intrinsic  # type: ignore[untyped-decorator]
def pair(typingctx: Any, data: Any, at: Any, first: Any, second: Any) -> Any:
    """Where, among 64 bytes, `first` and then `second` stand; of both sides bit 5 (the case of letters) is set."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, at, first, second = args
        following = builder.add(at, ir.Constant(at.type, 1))
        found = None
        for place, byte in ((at, first), (following, second)):
            lanes = builder.or_(_lanes(context, builder, sig.args[0], array, place), _splat(32))
            wanted = builder.insert_element(ir.Constant(_LANES, ir.Undefined), byte, ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
            wanted = builder.shuffle_vector(wanted, ir.Constant(_LANES, ir.Undefined), zeros)
            same = builder.icmp_unsigned("==", lanes, wanted)
            found = same if found is None else builder.and_(found, same)
        return _mask(builder, found)

    return types.uint64(data, at, types.uint8, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def beyond_ascii(typingctx: Any, data: Any, at: Any) -> Any:
    """Which of 64 bytes are beyond ASCII."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = _lanes(context, builder, sig.args[0], *args)
        return _mask(builder, builder.icmp_signed("<", lanes, _splat(0)))

    return types.uint64(data, at), generate


@intrinsic  # type: ignore[untyped-decorator]
def word(typingctx: Any, data: Any, at: Any) -> Any:
    """Eight bytes as one number, the first the least."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], *args)
        loaded = builder.load(builder.bitcast(pointer, _WORD.as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(data, at), generate


@intrinsic  # type: ignore[untyped-decorator]
def product(typingctx: Any, first: Any, second: Any) -> Any:
    """The 128 bits of a product, the lower half first."""
    signature = types.UniTuple(types.uint64, 2)(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        whole = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        halves = [whole, builder.lshr(whole, ir.Constant(wide, 64))]
        return context.make_tuple(builder, sig.return_type, [builder.trunc(half, _WORD) for half in halves])

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def put_word(typingctx: Any, data: Any, at: Any, value: Any) -> Any:
    """Writes eight bytes."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        stored = builder.store(args[2], builder.bitcast(pointer, _WORD.as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(data, at, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest(typingctx: Any, mask: Any) -> Any:
    """The number of the lowest bit set; there must be one."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


U64 = np.uint64
