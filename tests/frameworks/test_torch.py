"""PyTorch works the same while its modules are recorded.

Each program runs twice, bare and while it is recorded, and its results are compared.
"""

import copy
import inspect
import io
import pickle
import re
import subprocess
import sys
import traceback

import pytest

import callscope
from ways import IN_PLACE

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

from torch import nn  # noqa: E402
from torch.func import functional_call, grad, vmap  # noqa: E402
from torch.nn.utils import parametrizations, parametrize  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.checkpoint import checkpoint, checkpoint_sequential  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402

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
    assert len(trace) or program is modules_made_within  # all of that may be compiled
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


# Data loaders; first, for what is forked after a backward pass is slow to end


class Squares(Dataset):
    """Items that a module has worked on."""

    def __init__(self, length):
        super().__init__()
        self.length = length
        self.model = Net(1, dropout=0.0).eval().requires_grad_(False)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index == 100:
            raise ValueError(index)
        return self.model(torch.full((4,), float(index)))


@pytest.mark.parametrize(("method", "workers"), [("fork", 2), ("spawn", 1)])
def test_data_loaders(method, workers):
    """Workers are given the dataset however they are started, and their errors come back."""
    if method not in torch.multiprocessing.get_all_start_methods():
        pytest.skip("cannot be started like this here")

    def program():
        torch.manual_seed(0)
        indices = [*range(8), 100]  # the last of them fails
        loader = DataLoader(
            Squares(9), 2, sampler=indices, num_workers=workers, multiprocessing_context=method
        )
        batches = iter(loader)
        results = [next(batches).tolist() for _ in range(4)]
        with pytest.raises(ValueError, match="100") as raised:
            next(batches)
        return results, str(raised.value)

    bare = program()
    with callscope.record(
        Dataset, nn.Module, methods=("__init__", "__getitem__", "__call__", "forward")
    ) as trace:
        woven = program()
    assert woven == bare
    assert trace.find("Squares.__init__")
    assert not trace.find("Squares.__getitem__")  # these run elsewhere


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


class Starred(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, *args, scale=1, **options):
        return self.linear(x) * scale + args[0] + options["bias"]


class Options(Block):
    def forward(self, x, **options):
        return super().forward(x)


def symbolic_traces_of_stars():
    """`torch.fx` puts what stars take into the graph as values of their own."""
    traced = [torch.fx.symbolic_trace(model) for model in (Starred(), Options(4))]
    return [str(t.graph) for t in traced], [t.code for t in traced], traced[1](X).tolist()


def jit_trace():
    """`torch.jit.trace` of a module."""
    traced = torch.jit.trace(Derived(dropout=0.0).eval(), (X,))
    # Types are numbered as they come.
    return re.sub(r"\.___torch_mangle_\d+", "", f"{traced.graph}{traced.code}"), traced(X).tolist()


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
        symbolic_traces_of_stars,
        jit_trace,
    ],
)
def test_programs_do_the_same(program):
    """What each program does is as it is bare."""
    bare, woven, _ = both(program)
    assert woven == bare


# Compiled and exported


class Counted:
    """A backend of `torch.compile` that counts the graphs it is given, and runs them."""

    def __init__(self, inner="eager"):
        self.graphs = []
        self._compile = torch._dynamo.lookup_backend(inner)

    def __call__(self, graph, inputs):
        self.graphs.append([node.op + str(node.target) for node in graph.graph.nodes])
        return self._compile(graph, inputs)


def compiled(model, **options):
    """Return a model compiled with a counting backend, and the backend."""
    backend = Counted(options.pop("inner", "eager"))
    return torch.compile(model, backend=backend, **options), backend


def whole_models():
    """One graph, without a break, forward and backward."""
    results = []
    for inner in ("eager", "aot_eager"):
        model, backend = compiled(Derived(dropout=0.0), fullgraph=True, inner=inner)
        y = model(X, 0.5)
        y.sum().backward()
        results += [y.tolist(), next(model.parameters()).grad.tolist(), backend.graphs]
    return results


def parts_of_models():
    """A submodule, a bound method and a function that uses a module, compiled each alone."""
    model, backend = Net(dropout=0.0), Counted()
    model.blocks[0].compile(backend=backend)
    block = torch.compile(model.blocks[1].forward, backend=backend, fullgraph=True)
    function = torch.compile(lambda x: model.head(x) + 1, backend=backend, fullgraph=True)
    return model(X).tolist(), block(X).tolist(), function(X).tolist(), backend.graphs


def modules_made_within():
    """A module that is constructed in what is compiled."""

    def function(x):
        return nn.ReLU()(x) + nn.Identity()(x)

    function, backend = compiled(function)
    return function(X).tolist(), backend.graphs


def dynamic_shapes():
    """Compiled anew for another shape, and then once for all."""
    model, backend = compiled(Net(dropout=0.0), fullgraph=True)
    results = [model(torch.ones(size, 4)).tolist() for size in (2, 3, 4, 5)]
    return results, backend.graphs


def explained():
    """`torch._dynamo.explain` finds no break, and finds the one that there is."""

    class Broken(Net):
        def forward(self, x):
            torch._dynamo.graph_break()
            return super().forward(x)

    found = [torch._dynamo.explain(model)(X) for model in (Derived(), Broken())]
    return [(f.graph_count, f.graph_break_count, f.op_count) for f in found]


def checkpointed():
    """Checkpointing within a compiled function."""
    model = Net(dropout=0.0)
    function, backend = compiled(
        lambda x: checkpoint(model, x, use_reentrant=False).sum(), fullgraph=True
    )
    loss = function(X)
    loss.backward()
    return loss.item(), next(model.parameters()).grad.tolist(), len(backend.graphs)


def code(program):
    """Return the lines of an exported program, but for the comments on where they come from."""
    lines = str(program).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("# File")]


def exported():
    """`torch.export`, strict and not, with a fixed and a dynamic shape."""
    shapes = {"x": {0: torch.export.Dim("batch")}, "scale": None}
    results = []
    for strict in (False, True):
        for dynamic_shapes in (None, shapes):
            program = torch.export.export(
                Derived(dropout=0.0), (X, 1.0), dynamic_shapes=dynamic_shapes, strict=strict
            )
            results += [code(program), program.module()(X, 1.0).tolist()]
    return results


def exported_files():
    """An exported program that is saved and loaded."""
    file = io.BytesIO()
    torch.export.save(torch.export.export(Net(dropout=0.0), (X,)), file)
    file.seek(0)
    return torch.export.load(file).module()(X).tolist()


@pytest.mark.parametrize(
    "program",
    [
        whole_models,
        parts_of_models,
        pytest.param(
            modules_made_within,
            marks=pytest.mark.xfail(
                not IN_PLACE, reason="torch cannot look into a shadow it finds no way to"
            ),
        ),
        dynamic_shapes,
        explained,
        checkpointed,
        exported,
        exported_files,
    ],
)
def test_compiled_programs_do_the_same(program):
    """What is compiled or exported during a recording is as it is without one."""
    bare, woven, _ = both(program)
    assert woven == bare


def recorded(function, *arguments):
    """Return what a function returns while it is recorded, and the sites of its calls."""
    with callscope.record(nn.Module, methods=callscope.PYTORCH) as trace:
        result = function(*arguments)
    return result, [c.site for c in trace.calls]


# What leads to the compiled code: the call of torch's own module, which keeps a bound method of the
# model, of before the recording.
CALL_OF_THE_MODEL = ["Module.__call__", *["Module.__call__"] * IN_PLACE]


def test_compiled_before_a_recording():
    """A compiled model runs as it was compiled; calls within are not recorded, others are."""
    model, backend = compiled(Net(dropout=0.0), fullgraph=True)
    bare = model(X).tolist()
    woven, calls = recorded(model, X)
    assert woven.tolist() == bare == model(X).tolist()
    assert len(backend.graphs) == 1
    assert calls == [*CALL_OF_THE_MODEL, "Net.forward"]


@pytest.mark.parametrize(
    ("kind", "first"), [(Net, "in a recording"), (Derived, "in a recording"), (Derived, "before")]
)
def test_compiled_once_with_tracing_and_once_without(kind, first):
    """Where torch checks what leads to the code it has compiled, and there is a shadow."""
    plain = kind(dropout=0.0)
    model, backend = compiled(plain, fullgraph=True)
    if first == "before":
        model(X)
    for _ in range(3):
        woven, calls = recorded(model, X)
        assert woven.tolist() == plain(X).tolist() == model(X).tolist()
        assert calls == [*CALL_OF_THE_MODEL, f"{kind.__name__}.forward"]
    assert len(backend.graphs) == (1 if IN_PLACE else 2)


def test_calls_around_what_is_compiled_are_recorded():
    """What runs in Python around a compiled part is recorded."""
    model = Net(dropout=0.0)
    model.blocks[0].compile(backend="eager")
    _, calls = recorded(model, X)
    first, second = (i for i, call in enumerate(calls) if call == "Block.forward")
    assert "Linear.forward" not in calls[first:second]
    assert "Linear.forward" in calls[second:]


def test_what_torch_itself_makes_to_compile_is_not_traced():
    """Its compiler is given a module of its own, whose code it takes as it stands."""
    with callscope.instrument(nn.Module, methods=callscope.PYTORCH) as handle:
        torch.compile(Net(), backend="eager")
        reasons = {c.reason for c in handle.coverage() if "OptimizedModule" in c.site}
    assert reasons == {"torch's compiler reads its code"}


# In other processes


def _work(rank, model, results):
    with torch.no_grad():
        results[rank] = model(X).sum(1)


def test_spawned_processes():
    """`torch.multiprocessing` hands modules over, in shared memory."""

    def program():
        model, results = Net(dropout=0.0).share_memory(), torch.zeros(1, 2).share_memory_()
        torch.multiprocessing.spawn(_work, (model, results), nprocs=1)
        return results.tolist(), model(X).sum(1).tolist()

    bare, woven, _ = both(program)
    assert woven == bare


SCRIPT = """\
import torch, typing
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
    def forward(self, x, scale: float = 2.0, more: typing.Optional[torch.Tensor] = None):
        if more is not None:
            x = x + more
        return self.linear(x).relu() * scale
    @torch.jit.export
    def twice(self, x) -> torch.Tensor:
        return self.forward(self.forward(x, 1.0, x), 3.0, None)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))
    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)

torch.manual_seed(0)
x = torch.linspace(-1, 1, 8).reshape(2, 4)
model = Net()
scripted = torch.jit.script(model)
print(scripted, scripted.code, scripted.inlined_graph, scripted(x))
block = torch.jit.script(model.blocks[0])
print(block.code, block.twice.code, block.twice(x), block(x, scale=3.0))
print(torch.jit.freeze(torch.jit.script(model.eval())).graph)
traced = torch.jit.trace(model, (x,))
print(traced.code, traced(x), model(x), torch.equal(traced(x), scripted(x)))
scripted.save("net.pt")
print(torch.jit.load("net.pt")(x))

class Wrong(nn.Module):
    def forward(self, x):
        return [x, 1]

try:
    torch.jit.script(Wrong())
except RuntimeError as error:
    print(error)
"""


def test_scripts(tmp_path):
    """`torch.jit.script` compiles the program's own source; in a process of its own.

    For what fails there leaves its mark on what is scripted later.
    """
    script, saved = tmp_path / "script.py", tmp_path / "t.jsonl"
    script.write_text(SCRIPT, encoding="utf-8")

    def run(*before):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *before, str(script)],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        # Torch says what file a method is from, which is not where its source is from.
        return re.sub(r'(?m)# .*:\d+:\d+$|File ".*?"', "", done.stdout)

    methods = [word for name in callscope.PYTORCH for word in ("-M", name)]
    target = ("-t", "torch.nn:Module", *methods, "-o", str(saved))
    assert run("-m", "callscope", "run", *target) == run()
    sites = {call.site for call in callscope.load(saved).calls}
    assert {"Net.__init__", "Module.__call__", "Block.forward"} <= sites


class Odd(Block):
    """Block that returns another dtype."""

    def forward(self, x):
        return super().forward(x).double()


@pytest.mark.parametrize("odd", [None, 6])
def test_twelve_blocks_are_one_row(odd):
    """In a folded tree; a block that returns another dtype is apart."""
    blocks = nn.ModuleList([Odd(4) if number == odd else Block(4) for number in range(12)])
    with callscope.record(nn.Module, methods=("__call__", "forward")) as trace:
        for block in blocks:
            block(X)
    rows = [line.split("  ")[0] for line in trace.tree(width=120).splitlines()]
    tops = [re.sub(r"#\d+", "#", row) for row in rows if row.startswith(("Block", "Odd"))]
    expected = ["Block ×12"] if odd is None else ["Block ×6", "Odd#", "Block ×5"]
    assert tops[: len(expected)] == expected
