"""Findings on real frameworks: silent on their ordinary use, and not on the usual mistakes.

Each program runs in a process of its own, for frameworks are configured once per process.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

KERAS = """
import numpy as np, keras, callscope
from keras import layers
x = np.random.rand(8, 6, 5).astype("float32")
y = np.random.rand(8, 1).astype("float32")
TARGETS = (layers.Layer, keras.losses.Loss, keras.metrics.Metric)

class Scale(layers.Layer):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units))
    def call(self, x):
        return x @ self.w

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.scale, self.flat, self.out = Scale(3), layers.Flatten(), layers.Dense(1)
    def call(self, x, training=False):
        return self.out(self.flat(self.scale(x)))

def ordinary():
    layers.LSTM(4)(x[:2])
    recurrent = [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3))]
    fit(keras.Sequential([keras.Input((6, 5)), *recurrent, layers.Dense(1)]))
    fit(keras.Sequential([layers.TimeDistributed(layers.Dense(3)), layers.Flatten(), layers.Dense(1)]))
    begin = keras.Input((6, 5))
    hidden = layers.BatchNormalization()(layers.Conv1D(4, 3)(begin))
    hidden = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(hidden, hidden))
    ends = layers.Add()([layers.Dense(4)(hidden), layers.Dense(4)(hidden)])
    model = keras.Model(begin, layers.Dense(1)(ends))
    fit(model)
    keras.models.clone_model(model)(x)
    keras.Model.from_config(model.get_config())(x)
    fit(Net())
    net = Net()
    net.build((None, 6, 5))
    net(x)
    layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)]))(x)
    keras.losses.MeanSquaredError()(y, y)
    keras.metrics.Accuracy()(y, y)

def fit(model):
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)

def mistaken():
    class Direct(Scale):
        def __init__(self):
            super().__init__(1)
            self.inner = Scale(2)
        def build(self, shape):
            self.inner.build(shape)
        def call(self, x):
            return self.inner.call(x)
    Direct()(x)
    class Forgetful(layers.Layer):
        def __init__(self, units):
            self.units = units
    try:
        Forgetful(3)(x)
    except RuntimeError:
        pass
"""
TORCH = """
import copy, pickle
import torch, callscope
from torch import nn
TARGETS = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler,
           torch.utils.data.Dataset, torch.distributions.Distribution)
x = torch.randn(4, 8)

class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(size, size), nn.ReLU()])
    def forward(self, x):
        for layer in self.layers:
            x = layer(x) + x
        return x

def ordinary():
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(.1), Net(8))
    hook = model.register_forward_hook(lambda module, given, out: out * 2)
    model.register_full_backward_hook(lambda *of: None)
    model(x).sum().backward()
    hook.remove()
    copy.deepcopy(model)(x)
    pickle.loads(pickle.dumps(nn.Linear(8, 2)))(x)
    many = torch.randn(2, 5, 8)
    nn.LSTM(8, 4, 2, bidirectional=True)(many)
    nn.GRUCell(8, 4)(x)
    nn.Transformer(8, 2, 1, 1, 16, batch_first=True)(many, many)
    nn.LazyLinear(3)(x)
    nn.CrossEntropyLoss()(x, torch.tensor([1, 2, 3, 0]))
    nn.utils.parametrizations.spectral_norm(nn.Linear(8, 2))(x)
    torch.fx.symbolic_trace(Net(8))(x)
    torch.jit.trace(nn.Linear(8, 2), x)(x)
    nn.DataParallel(nn.Linear(8, 2))(x)
    optimizer = torch.optim.Adam(model.parameters())
    torch.optim.lr_scheduler.OneCycleLR(optimizer, .1, total_steps=10).step()
    torch.distributions.LogNormal(0., 1.).sample()
    torch.distributions.Chi2(3.).sample()

def mistaken():
    class Direct(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(8, 8)
        def forward(self, x):
            return self.inner.forward(x)
    Direct()(x)
    class Forgetful(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(8, 8)
    try:
        Forgetful()
    except AttributeError:
        pass
"""
SKLEARN = """
import numpy as np, callscope
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import *
from sklearn.feature_selection import RFECV
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.linear_model import *
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier
TARGETS = (BaseEstimator, kernels.Kernel)
X = np.abs(np.random.RandomState(0).rand(40, 4))
y = (X[:, 0] > .5).astype(int)

def ordinary():
    pipe = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression())
    clone(pipe).fit(X, y).score(X, y)
    GridSearchCV(RandomForestClassifier(5), {"max_depth": [1, 2]}, cv=2).fit(X, y).predict(X)
    ColumnTransformer([("a", MinMaxScaler(), [0, 1])]).fit_transform(X)
    FeatureUnion([("s", StandardScaler())]).fit_transform(X)
    VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]).fit(X, y)
    kernel = kernels.RBF() + kernels.WhiteKernel() * kernels.Matern() + kernels.DotProduct() ** 2
    GaussianProcessRegressor(kernel).fit(X, y).predict(X)
    for estimator in (MultiTaskLasso(), MultiTaskElasticNet(), MultiTaskLassoCV(cv=2)):
        clone(estimator).fit(X, np.c_[y, y]).predict(X)
    others = Lasso(), LassoLars(), LogisticRegressionCV(cv=2), RFECV(LogisticRegression(), cv=2)
    for estimator in (*others, AdaBoostClassifier(), GradientBoostingClassifier(n_estimators=2)):
        clone(estimator).fit(X, y).predict(X)

def mistaken():
    class Scaled(StandardScaler):
        def __init__(self, factor=1):
            self.factor = factor
    try:
        Scaled().fit(X)
    except AttributeError:
        pass
"""
DJANGO = """
import django, callscope
from django.conf import settings
settings.configure(DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django import forms
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.query import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views import View, generic
from django.views.generic.base import ContextMixin
TARGETS = (View, ContextMixin, forms.forms.BaseForm, forms.Field, forms.Widget, models.Field,
           models.Model, HttpRequest, HttpResponseBase, QuerySet, MiddlewareMixin,
           models.expressions.BaseExpression)
call_command("migrate", verbosity=0)

class GroupForm(forms.ModelForm):
    class Meta:
        model = Group
        fields = ["name", "permissions"]

class Contact(forms.Form):
    name = forms.CharField()
    kind = forms.TypedChoiceField(choices=[("1", 1)], required=False)
    when = forms.SplitDateTimeField(required=False)
    who = forms.ModelMultipleChoiceField(User.objects.all(), required=False)

class Shown:
    def render_to_response(self, context, **options):
        return HttpResponse(str(context.get("form") or context.get("object_list")))

class Groups(Shown, generic.ListView):
    model = Group

class NewGroup(Shown, generic.CreateView):
    model, form_class, success_url = Group, GroupForm, "/"

class Ask(Shown, generic.FormView):
    form_class, success_url = Contact, "/"

class Plain(View):
    def get(self, request):
        return JsonResponse({"a": 1})

urlpatterns = [path("", Groups.as_view()), path("new", NewGroup.as_view()),
               path("ask", Ask.as_view()), path("plain", Plain.as_view())]

def ordinary():
    client = Client()
    for url in ("/", "/new", "/ask", "/plain", "/nowhere"):
        client.get(url)
    client.post("/new", {"name": "x"})
    client.post("/new", {"name": ""})
    client.post("/ask", {"name": "1", "kind": "1"})
    client.put("/plain")
    forms.formset_factory(Contact, extra=2)().as_p()
    forms.modelformset_factory(Group, fields=["name"])().as_p()
    some = Group.objects.filter(Q(name__contains="b") | Q(pk__gt=F("pk"))).annotate(n=Count("user"))
    list(some.exclude(Exists(Group.objects.filter(pk=OuterRef("pk"), name="z"))))
    Group.objects.update(name=F("name"))

def mistaken():
    class Forgetful(forms.CharField):
        def __init__(self):
            self.hint = "none"
    class Wrong(forms.Form):
        name = Forgetful.__new__(Forgetful)
    try:
        Forgetful().clean("x")
    except AttributeError:
        pass
"""
RUN = """
for act, methods in ((ordinary, ("*", "__init__", "__call__")), (mistaken, METHODS)):
    with callscope.record(*TARGETS, methods=methods, max_calls=None) as trace:
        act()
    print(act.__name__, len(trace) > 20 or act is mistaken)
    for finding in trace.findings():
        print(finding.severity, finding.id, *(name.rpartition(".")[2] for name in finding.classes))
"""
EXPECTED = {
    "keras": [
        "error super-init-missing Forgetful Layer Module Operation",
        "warning template-bypassed Direct Scale",
    ],
    "torch": [
        "error super-init-missing Forgetful Module",
        "warning template-bypassed Direct Linear",
    ],
    "sklearn": ["error super-init-missing Scaled StandardScaler"],
    "django": ["error super-init-missing Forgetful CharField Field"],
}
PROGRAMS = {"keras": KERAS, "torch": TORCH, "sklearn": SKLEARN, "django": DJANGO}


@pytest.mark.parametrize("framework", PROGRAMS)
def test_ordinary_use_and_mistakes(framework):
    """Nothing is said of what is right, however many methods are traced; and mistakes are found."""
    for module in (framework, *(["torch"] if framework == "keras" else [])):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    methods = (
        'METHODS = ("__init__", "__call__", "call", "forward", "fit", "clean", "get_context_data")'
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{PROGRAMS[framework]}\n{methods}\n{RUN}"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"KERAS_BACKEND": "torch"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines == ["ordinary True", "mistaken True", *EXPECTED[framework]]
