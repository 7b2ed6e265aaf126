"""PyTorch works the same while its modules are recorded.

Each program runs twice, bare and while it is recorded, and its results are compared.
"""

import copy
import inspect
import io
import pickle
import re
import traceback

import pytest

import callscope

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.func import functional_call, grad, vmap  # noqa: E402
from torch.nn.utils import parametrizations, parametrize  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.checkpoint import checkpoint, checkpoint_sequential  # noqa: E402

X = torch.linspace(-1, 1, 8).reshape(2, 4)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)

    def forward(self, x):
        return x + self.norm(self.linear(x)).relu()


class Net(nn.Module):
    def __init__(self, depth=2, *, dropout=0.5):
        super().__init__()
        self.blocks = nn.ModuleList([Block(4) for _ in range(depth)])
        self.head = nn.Sequential(nn.Linear(4, 3), nn.Dropout(dropout))

    def forward(self, x, scale: float = 1.0):
        for block in self.blocks:
            x = block(x)
        return self.head(x) * scale


class Derived(Net):
    def forward(self, x, scale: float = 2.0):
        return super().forward(x, scale).tanh()


def both(program):
    """Return what a program returns, bare and recorded, and the calls that were recorded."""

    def run():
        torch.manual_seed(0)
        torch._dynamo.reset()
        return program()

    bare = run()
    with callscope.record(nn.Module, methods=callscope.PYTORCH) as trace:
        woven = run()
    assert len(trace)
    assert not hasattr(nn.Linear.forward, "__wrapped__")
    return bare, woven, trace


def numbers(tensors):
    """Return the numbers in tensors by name."""
    return {name: tensor.tolist() for name, tensor in tensors.items()}


def test_what_is_recorded():
    """`__call__` hands over to `forward`, and a `super()` chain is one call per class."""

    def program():
        Derived(1)(X)

    _, _, trace = both(program)
    assert [(c.depth, c.site) for c in trace.calls if c.method != "__init__"] == [
        (0, "Module.__call__"),
        (1, "Derived.forward"),
        (2, "Net.forward"),
        *((3, "Module.__call__"), (4, "Block.forward")),
        *((5, "Module.__call__"), (6, "Linear.forward")),
        *((5, "Module.__call__"), (6, "LayerNorm.forward")),
        *((3, "Module.__call__"), (4, "Sequential.forward")),
        *((5, "Module.__call__"), (6, "Linear.forward")),
        *((5, "Module.__call__"), (6, "Dropout.forward")),
    ]


# Eager


def training():
    """Losses, gradients and weights are the same numbers."""
    model = Derived()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(X).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, numbers(model.state_dict()), numbers({"grad": next(model.parameters()).grad})


def double_precision_gradients():
    """`gradcheck` and second derivatives."""
    model = Net(dropout=0.0).double()
    x = X.double().requires_grad_()
    (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    return torch.autograd.gradcheck(model, x), first.tolist(), second.tolist()


def hooks():
    """Hooks of every kind run in the same order, on the same modules, with the same values."""
    model, seen = Net(1, dropout=0.0), []

    def note(name):
        def hook(module, *values):
            seen.append((name, type(module).__name__, str(values)))

        return hook

    kept = [nn.modules.module.register_module_forward_hook(note("global"))]
    for module in model.modules():
        kept += [
            module.register_forward_pre_hook(note("pre")),
            module.register_forward_hook(note("forward")),
            module.register_forward_hook(note("keywords"), with_kwargs=True, always_call=True),
            module.register_full_backward_pre_hook(note("backward pre")),
            module.register_full_backward_hook(note("backward")),
        ]
    model(X.clone().requires_grad_(), scale=0.5).sum().backward()
    for handle in kept:
        handle.remove()
    return seen


def errors():
    """A wrong shape and a wrong argument raise the same, with the same traceback."""
    model, texts = Net(), []
    for arguments in ((torch.ones(2, 5),), (), (X, 1.0, 2), ("x",)):
        try:
            model(*arguments)
        except (AttributeError, RuntimeError, TypeError):
            texts.append(traceback.format_exc())
    return texts


def state():
    """`state_dict` and `load_state_dict`, strictly and not."""
    model, other = Derived(), Derived()
    unknown = other.load_state_dict(model.state_dict() | {"more": X}, strict=False)
    names = [name for name, _ in model.named_modules()]
    return str(unknown), names, list(model.state_dict()), other.eval()(X).tolist(), str(model)


def saved():
    """`torch.save` of whole modules, and of weights."""
    model, file, weights = Derived().eval(), io.BytesIO(), io.BytesIO()
    torch.save(model, file)
    torch.save(model.state_dict(), weights)
    file.seek(0)
    weights.seek(0)
    again = torch.load(file, weights_only=False)
    return (
        file.getvalue(),
        again(X).tolist(),
        numbers(torch.load(weights, weights_only=True)),
        pickle.loads(pickle.dumps(again.forward))(X).tolist(),
    )


def copies():
    """`copy.deepcopy` gives an independent module."""
    model = Derived().eval()
    again, shallow = copy.deepcopy(model), copy.copy(model)
    with torch.no_grad():
        next(again.parameters()).zero_()
    return model(X).tolist(), again(X).tolist(), shallow(X).tolist()


def functions():
    """`torch.func`: `functional_call`, `vmap` and `grad`."""
    model = Net(dropout=0.0)
    weights = dict(model.named_parameters())

    def loss(weights, x):
        return functional_call(model, weights, (x,), {"scale": 3.0}).square().sum()

    per_sample = vmap(grad(loss), in_dims=(None, 0))(weights, X)
    return numbers(grad(loss)(weights, X)), numbers(per_sample), vmap(model)(X).tolist()


def parametrizations_of_weights():
    """`torch.nn.utils.parametrize` makes classes of its own, and leaves none behind."""

    class Symmetric(nn.Module):
        def forward(self, weight):
            return weight.triu() + weight.triu(1).mT

    model = nn.Linear(4, 4)
    parametrize.register_parametrization(model, "weight", Symmetric())
    parametrizations.weight_norm(model, "bias", dim=0)
    with parametrize.cached():
        results = [type(model).__name__, model(X).tolist(), model.weight.tolist()]
    parametrize.remove_parametrizations(model, "weight")
    parametrize.remove_parametrizations(model, "bias")
    return [*results, type(model).__name__, model(X).tolist()]


def containers():
    """`Sequential`, `ModuleDict`, `DataParallel` without devices, and lazy modules."""
    lazy = nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d())
    model = nn.ModuleDict({"a": nn.DataParallel(Net(dropout=0.0)), "b": lazy})
    results = [module(X).tolist() for module in model.values()]
    gru, attention = nn.GRU(4, 3, batch_first=True), nn.MultiheadAttention(4, 2)
    encoder = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True).eval()
    return (
        [*results, gru(X[None])[0].tolist(), attention(X, X, X)[0].tolist()],
        encoder(X[None]).tolist(),
        [type(module).__name__ for module in model.modules()],
    )


def checkpoints():
    """Gradient checkpointing runs forward again, with the same random numbers."""
    results = []
    for use_reentrant in (True, False):
        model = Net()
        x = X.clone().requires_grad_()
        y = checkpoint(model, x, use_reentrant=use_reentrant)
        checkpoint_sequential(model.head, 2, y @ torch.ones(3, 4), use_reentrant=use_reentrant)
        y.sum().backward()
        results.append((y.tolist(), x.grad.tolist(), next(model.parameters()).grad.tolist()))
    return results


def modes():
    """Modes that see each torch function, and each operation, see the program's alone."""
    seen = []

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(getattr(func, "__qualname__", str(func)))
            return func(*args, **(kwargs or {}))

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    with torch.device("meta"):
        assert Net()(torch.ones(2, 4)).is_meta
    with Functions(), Operations():
        Net()(X)
    return seen


def tensor_subclasses():
    """A subclass of `Tensor` sees the operations that the program makes, and no other."""
    seen = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(getattr(func, "__qualname__", str(func)))
            return super().__torch_function__(func, types, args, kwargs or {})

    y = Net()(X.as_subclass(Logged))
    return seen, type(y).__name__, y.tolist()


def introspection():
    """Signatures, sources and type hints."""
    model = Derived()
    return (
        [str(inspect.signature(f)) for f in (model.forward, Net.__init__, nn.Linear, model)],
        inspect.getfullargspec(Net.forward),
        inspect.getsource(Derived.forward),
        inspect.get_annotations(Net.forward),
        Net.forward.__qualname__,
    )


# Captured as graphs, without `torch.compile`


def symbolic_traces():
    """`torch.fx` captures the same graph and code, and leaves `Module.__call__` as it was."""
    model = Derived(dropout=0.0)
    traced = torch.fx.symbolic_trace(model)
    return str(traced.graph), traced.code, traced(X).tolist()


def jit_trace():
    """`torch.jit.trace` of a module."""
    traced = torch.jit.trace(Derived(dropout=0.0).eval(), (X,))
    # Types are numbered as they come.
    return re.sub(r"\.___torch_mangle_\d+", "", f"{traced.graph}{traced.code}"), traced(X).tolist()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "program",
    [
        training,
        double_precision_gradients,
        hooks,
        errors,
        state,
        saved,
        copies,
        functions,
        parametrizations_of_weights,
        containers,
        checkpoints,
        modes,
        tensor_subclasses,
        introspection,
        symbolic_traces,
        jit_trace,
    ],
)
def test_programs_do_the_same(program):
    """What each program does is as it is bare."""
    bare, woven, _ = both(program)
    assert woven == bare
