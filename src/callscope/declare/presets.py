"""Names of the methods worth tracing in well-known frameworks, for `methods=`."""

from __future__ import annotations

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from typing import Final

DEFAULT_METHODS: Final = ("__init__", "__call__", "call")
"""Methods that are traced by default."""

TEMPLATE_METHODS: Final = ("call", "forward")
"""Methods that ``__call__`` dispatches to, by convention of Keras and PyTorch."""

KERAS: Final = ("__init__", "__call__", "build", "call", "compute_output_shape")
"""`keras.layers.Layer` and below: https://keras.io/api/layers/base_layer/."""

PYTORCH: Final = ("__init__", "__call__", "forward")
"""`torch.nn.Module` and below: https://pytorch.org/docs/stable/generated/torch.nn.Module.html."""

SKLEARN: Final = (
    "__init__",
    "fit",
    "fit_transform",
    "fit_predict",
    "partial_fit",
    "predict",
    "predict_proba",
    "transform",
    "score",
)
"""`sklearn.base.BaseEstimator` and below: https://scikit-learn.org/stable/developers/develop.html."""

DJANGO_VIEWS: Final = (
    "__init__",
    "setup",
    "dispatch",
    "http_method_not_allowed",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "get_queryset",
    "get_object",
    "get_context_data",
    "render_to_response",
)
"""`django.views.View` and below: https://docs.djangoproject.com/en/stable/ref/class-based-views/."""

PRESETS: Final[dict[str, tuple[str, ...]]] = {
    "keras.src.layers.layer.Layer": KERAS,
    "torch.nn.modules.module.Module": PYTORCH,
    "sklearn.base.BaseEstimator": SKLEARN,
    "django.views.generic.base.View": ("as_view", *DJANGO_VIEWS),
}
"""Preset of each framework, by the root of its hierarchy."""
