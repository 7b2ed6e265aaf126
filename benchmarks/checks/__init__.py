"""Proof that work was done and no call was lost, and the gate against a slower callscope."""
