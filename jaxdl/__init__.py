"""jaxdl: deep-learning research on JAX and Flax where a whole sweep is one compiled program."""
