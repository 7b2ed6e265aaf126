"""The settings of Django's own tests, with a runner that writes down what becomes of each."""

from test_sqlite import *  # noqa: F403  # whatever it sets

TEST_RUNNER = "django_runner.Runner"
