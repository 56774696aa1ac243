"""Sixteen float32 numbers side by side, as a value that compiled code can hold in the processor's vector registers.

LLVM's own vectoriser loses loops like ours at the slightest change, silently and at ten times the cost. Here the
vectors are written down: `Lanes` is LLVM's `<16 x float>`, which becomes one AVX-512 register, two of AVX2 or four
of SSE and NEON. Every lane goes through the same operations in the same order, so what a lane computes does not
depend on its place or on its neighbours. These functions can be called from compiled code only.

Numba's store of compiled code does not see a change in this file: delete `__pycache__/*.nb?` after one.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from earwitness.distances.sequences import LANES

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_FLOAT = ir.FloatType()


class LanesType(types.Type):
    """Numba's name for sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


LANES_TYPE = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    # Straight to the address: numba's own indexing would first ask whether the index is negative.
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _spread(builder: Any, scalar: Any) -> Any:
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), mask)


def _chosen(builder: Any, relation: str, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(relation, a, b), a, b)


def _llvm(builder: Any, name: str, args: Any) -> Any:
    function = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.v{LANES}f32"), args)


@intrinsic
def load(typingctx, array, index):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The sixteen numbers from `array[index]` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _element(context, builder, signature.args[0], *args)
        vector = builder.load(builder.bitcast(address, _VECTOR.as_pointer()))
        vector.align = 4
        return vector

    return LANES_TYPE(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, lanes):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Write sixteen numbers from `array[index]` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _element(context, builder, signature.args[0], *args[:2])
        instruction = builder.store(args[2], builder.bitcast(address, _VECTOR.as_pointer()))
        instruction.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES_TYPE), codegen


@intrinsic
def spread(typingctx, scalar):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The same number in every lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return _spread(builder, args[0])

    return LANES_TYPE(types.float32), codegen


@intrinsic
def add_squared_difference(typingctx, total, lanes, array, index):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """`total + (lanes - array[index])**2`: exactly `total` where the two are equal."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = builder.load(_element(context, builder, signature.args[2], *args[2:]))
        difference = builder.fsub(args[1], _spread(builder, scalar))
        return _llvm(builder, "fmuladd", [difference, difference, args[0]])

    return LANES_TYPE(LANES_TYPE, LANES_TYPE, array, types.intp), codegen


@intrinsic
def add_squared_excess(typingctx, total, low, high, array, index):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """`total` plus the square of how far `array[index]` lies outside `[low, high]`: nothing where it lies inside."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = _spread(builder, builder.load(_element(context, builder, signature.args[3], *args[3:])))
        inside = _chosen(builder, "<", _chosen(builder, ">", value, args[1]), args[2])
        excess = builder.fsub(value, inside)
        return _llvm(builder, "fmuladd", [excess, excess, args[0]])

    return LANES_TYPE(LANES_TYPE, LANES_TYPE, LANES_TYPE, array, types.intp), codegen


@intrinsic
def add(typingctx, a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """`a + b`, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.fadd(*args)

    return LANES_TYPE(LANES_TYPE, LANES_TYPE), codegen


@intrinsic
def minimum(typingctx, a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The smaller of `a` and `b`, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return _chosen(builder, "<", *args)

    return LANES_TYPE(LANES_TYPE, LANES_TYPE), codegen


@intrinsic
def square_root(typingctx, a):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The correctly rounded square root, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return _llvm(builder, "sqrt", args)

    return LANES_TYPE(LANES_TYPE), codegen


@intrinsic
def smallest(typingctx, a):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The smallest of the sixteen numbers, as one float32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        (vector,) = args
        half = LANES // 2
        while half:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [(lane + half) % LANES for lane in range(LANES)])
            turned = builder.shuffle_vector(vector, vector, mask)
            vector = _chosen(builder, "<", vector, turned)
            half //= 2
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return types.float32(LANES_TYPE), codegen
