"""musicnn (Pons and Serra 2019): taggers with pretrained weights, run without TensorFlow."""
