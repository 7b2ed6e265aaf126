"""What tracing costs, measured: run ``python -m benchmarks`` from the project's root."""
