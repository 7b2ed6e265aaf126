"""What happens in `LSTM(4)(x)`: a real Keras layer, on torch or jax.

Run: pip install torch keras, then KERAS_BACKEND=torch python examples/keras_lstm.py
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

import callscope

if __name__ == "__main__":
    x = np.ones((2, 3, 5), "float32")
    with callscope.record(keras.layers.Layer, bases=False) as trace:
        keras.layers.LSTM(4)(x)
    print(trace)
