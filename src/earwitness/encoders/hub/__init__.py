"""VGGish, YAMNet and OpenL3, run without TensorFlow on the weights their authors published."""
