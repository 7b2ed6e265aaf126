"""scikit-learn works the same while its estimators are recorded.

Each program runs twice, bare and while it is recorded, and its results are compared.
"""

# ruff: noqa: N803, N806  # X is what scikit-learn calls it

import inspect
import os
import pickle
import re
import subprocess
import sys

import pytest

import callscope

np = pytest.importorskip("numpy")
sklearn = pytest.importorskip("sklearn")

import cloudpickle  # noqa: E402  # joblib brings it along
import joblib  # noqa: E402
from sklearn.base import (  # noqa: E402
    BaseEstimator,
    ClassifierMixin,
    TransformerMixin,
    clone,
)
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import RandomForestClassifier, VotingClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression, SGDClassifier  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_validate  # noqa: E402
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402
from sklearn.utils.metaestimators import available_if  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


class Centred(TransformerMixin, BaseEstimator):
    """Takes the mean away."""

    def __init__(self, scale=1.0, *, shift=0):
        self.scale = scale
        self.shift = shift

    def fit(self, X, y=None):
        X = validate_data(self, X)
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return (X - self.mean_) * self.scale + self.shift


class Threshold(ClassifierMixin, BaseEstimator):
    """Predicts by the first column's sign."""

    def __init__(self, at=0.0):
        self.at = at

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y)
        self.classes_ = np.unique(y)
        self.weighted_ = sample_weight is not None
        return self

    def predict(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.classes_[(X[:, 0] > self.at).astype(int) % len(self.classes_)]

    @available_if(lambda self: self.at > 0)
    def predict_proba(self, X):
        return np.eye(2)[self.predict(X)]


def both(program):
    """Return what a program returns, bare and recorded, and the calls that were recorded."""
    bare = program()
    with callscope.record(BaseEstimator, methods=callscope.SKLEARN) as trace:
        woven = program()
    assert len(trace)
    assert not hasattr(Centred.fit, "__wrapped__")
    return bare, woven, trace


def pipeline():
    return Pipeline([("centre", Centred(2.0)), ("predict", LogisticRegression(C=2.0))])


def test_what_is_recorded():
    """A pipeline fits its steps, each by the method of the class that defines it."""
    _, _, trace = both(lambda: Pipeline([("c", Centred()), ("t", Threshold())]).fit(X, Y))
    assert [(c.depth, c.site) for c in trace.calls] == [
        (0, "Centred.__init__"),
        (0, "Threshold.__init__"),
        (0, "Pipeline.__init__"),
        (0, "Pipeline.fit"),
        (1, "TransformerMixin.fit_transform"),
        (2, "Centred.fit"),
        (2, "Centred.transform"),
        (1, "Threshold.fit"),
    ]


def parameters():
    """Parameters are read off the constructors' signatures."""
    model = pipeline().set_params(centre__shift=3, predict__C=0.5)
    again = clone(model)
    names = [cls._get_param_names() for cls in (Centred, Threshold, Pipeline, KMeans)]
    return str(model), str(again), str(again.get_params()), names


def wrong_parameters():
    """Mistakes are told in the same words."""
    told = []
    for mistake in (
        lambda: Centred().set_params(colour=1),
        lambda: Centred(1, 2),
        lambda: LogisticRegression(C="many").fit(X, Y),
        lambda: Threshold().predict(X),
        lambda: Threshold().predict_proba,
        lambda: Threshold().fit(X),
    ):
        with pytest.raises((AttributeError, TypeError, ValueError)) as raised:
            mistake()
        told.append((raised.type, str(raised.value)))
    return told


def predictions():
    """Estimators of many kinds predict the same."""
    models = (
        pipeline(),
        make_pipeline(
            FunctionTransformer(np.exp, inverse_func=np.log), StandardScaler(), Threshold()
        ),
        FeatureUnion([("a", Centred()), ("b", StandardScaler())]),
        ColumnTransformer([("c", Centred(), [0]), ("s", StandardScaler(), [1, 2])]),
        RandomForestClassifier(n_estimators=3, random_state=0),
        VotingClassifier([("t", Threshold(0.1)), ("l", LogisticRegression())], voting="soft"),
        KMeans(2, n_init=1, random_state=0),
    )
    results = []
    for model in models:
        model.fit(X, Y)
        used = model.predict if hasattr(model, "predict") else model.transform
        results.append(used(X).tolist())
    online = SGDClassifier(random_state=0)
    for part in np.split(np.arange(40), 4):
        online.partial_fit(X[part], Y[part], classes=[0, 1])
    return results, online.score(X, Y), KMeans(2, n_init=1, random_state=0).fit_predict(X).tolist()


def searches_in_threads():
    """`GridSearchCV`, cross validation and joblib itself, in threads."""
    with joblib.parallel_backend("threading", n_jobs=2):
        search = GridSearchCV(pipeline(), {"predict__C": [0.01, 1.0]}, cv=2).fit(X, Y)
        scores = cross_validate(Threshold(), X, Y, cv=3, return_estimator=True)
    fitted = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(model.fit)(X, Y) for model in (Threshold(0.1), Threshold(0.2))
    )
    return (
        search.best_params_,
        search.cv_results_["mean_test_score"].tolist(),
        scores["test_score"].tolist(),
        [str(model) for model in (*scores["estimator"], *fitted)],
    )


def metadata_routing():
    """Which metadata a method takes is read off its signature, when its class is made."""

    class Weighted(Threshold):
        def score(self, X, y, sample_weight=None, other=None):
            return super().score(X, y, sample_weight=sample_weight)

    with sklearn.config_context(enable_metadata_routing=True):
        model = Weighted().set_fit_request(sample_weight=True)
        model.set_score_request(other=False, sample_weight=True)
        routed = make_pipeline(Centred(), model).fit(X, Y, sample_weight=np.ones(40))
        return (
            str(model.get_metadata_routing()),
            str(routed.get_metadata_routing()),
            routed[-1].weighted_,
            str(inspect.signature(Weighted.set_score_request)),
        )


def html():
    """The HTML that notebooks show."""
    text = pipeline().fit(X, Y)._repr_html_()
    return re.sub(r"(sk-\w+-id-|sk-estimator-id-)[\w-]+", "ID", text)


def feature_names():
    """`set_output` wraps `transform` in subclasses as they are made."""

    class Named(Centred):
        def get_feature_names_out(self, input_features=None):
            return np.array(["a", "b", "c"])

        def transform(self, X):
            return super().transform(X)

    transformer = Named().set_output(transform="default").fit(X)
    return transformer.transform(X).tolist(), Named.transform.__qualname__


def checks():
    """scikit-learn's own checks have the same results."""
    return [
        (done["check_name"], done["status"], str(done["exception"]))
        for model in (Centred(), Threshold())
        for done in check_estimator(model, on_fail=None, on_skip=None)
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "program",
    [
        parameters,
        wrong_parameters,
        predictions,
        searches_in_threads,
        metadata_routing,
        html,
        feature_names,
        checks,
    ],
)
def test_programs_do_the_same(program):
    """What each program does is as it is bare."""
    bare, woven, _ = both(program)
    assert woven == bare


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_pickles(pickler):
    """Pickles made during a recording are, to the byte, those made without one."""
    fitted = pipeline().fit(X, Y)

    def dump():
        again = clone(fitted).fit(X, Y)
        return [pickler.dumps(x) for x in (again, again.predict, Centred.fit, Threshold)]

    bare, woven, _ = both(dump)
    assert woven == bare
    for model, predict, *_ in ([pickle.loads(x) for x in made] for made in (bare, woven)):
        assert model.predict(X).tolist() == predict(X).tolist() == fitted.predict(X).tolist()


def test_joblib_dump_and_hash(tmp_path):
    """`joblib.dump`, `load` and `hash`."""
    path = tmp_path / "model.joblib"

    def program():
        model = pipeline().fit(X, Y)
        joblib.dump(model, path)
        loaded = joblib.load(path)
        return (
            path.read_bytes(),
            joblib.hash(model),
            joblib.hash(model.predict),
            loaded.predict(X).tolist(),
        )

    bare, woven, _ = both(program)
    assert woven == bare


def test_joblib_memory(tmp_path):
    """What was cached bare is found while recorded, and the other way round."""
    computed = []
    fit = Centred.fit

    def counted(self, X, y=None):
        computed.append(1)
        return fit(self, X, y)

    def program():
        Pipeline([("c", Centred()), ("t", Threshold())], memory=memory).fit(X, Y)
        memory.cache(Centred(2.0).fit)(X)
        return len(computed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Centred, "fit", counted)
        memory = joblib.Memory(tmp_path / "bare", verbose=0)
        assert both(program)[:2] == (2, 2)
        memory = joblib.Memory(tmp_path / "recorded", verbose=0)
        with callscope.record(BaseEstimator, methods=callscope.SKLEARN) as trace:
            assert program() == 4
        assert trace.find("Centred.fit")
        assert program() == 4


SCRIPT = """\
import joblib, numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate

class Base(ClassifierMixin, BaseEstimator):
    def __init__(self, at=0.0):
        self.at = at
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return (X[:, 0] > self.at).astype(int)

class Own(Base):
    def fit(self, X, y):
        if self.at == 9:
            raise ValueError("at nine")
        return super().fit(X, y)

if __name__ == "__main__":
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0.2).astype(int)
    for model, grid in ((LogisticRegression(), {"C": [0.1, 1.0]}), (Own(), {"at": [0.0, 0.2]})):
        search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
        print(search.best_params_, search.cv_results_["mean_test_score"])
    done = cross_validate(Own(), X, y, cv=2, n_jobs=2, return_estimator=True)
    print(done["estimator"], type(done["estimator"][0]) is Own, done["estimator"][0].score(X, y))
    fitted = joblib.Parallel(n_jobs=2)(joblib.delayed(Own(at).fit)(X, y) for at in (0.1, 0.2))
    print(fitted, [model.predict(X).sum() for model in fitted])
    try:
        joblib.Parallel(n_jobs=2)(joblib.delayed(Own(at).fit)(X, y) for at in (9, 9))
    except ValueError as error:
        print(error, error.__cause__)
"""


def test_processes(tmp_path):
    """Estimators go to joblib's processes and back, by name and by value (those of `__main__`)."""
    script, saved = tmp_path / "script.py", tmp_path / "t.jsonl"
    script.write_text(SCRIPT, encoding="utf-8")

    def run(*before):
        done = subprocess.run(
            [sys.executable, *before, str(script)],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    methods = [word for name in callscope.SKLEARN for word in ("-M", name)]
    target = ("-t", "sklearn.base:BaseEstimator", *methods, "-o", str(saved))
    assert run("-m", "callscope", "run", *target) == run()
    sites = {call.site for call in callscope.load(saved).calls}
    assert {"Base.__init__", "BaseSearchCV.fit", "LogisticRegression.fit", "Own.fit"} <= sites
