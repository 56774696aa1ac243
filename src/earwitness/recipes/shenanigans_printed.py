"""What Arputharaj and Kalaivanan (2022) print in Tables 1 and 2, and which encoder each model of theirs is."""

MODELS = {
    "FCN": "fcn",
    "Musicnn": "musicnn-jamendo",
    "CRNN": "crnn",
    "Attention": "cnnsa",
    "HCNN": "hcnn",
    "Sample level": "samplecnn",
    "Sample level SE": "samplecnn-se",
}

TABLE_1: tuple[tuple[int, str, float, float, float, float], ...] = (
    (7, "FCN", 0.611, 0.0003, 0.593, 0.0293),
    (7, "Musicnn", 0.547, 0.0054, 0.535, 0.0132),
    (7, "CRNN", 0.500, 0.0029, 0.505, 0.0163),
    (7, "Attention", 0.612, 0.0008, 0.601, 0.0199),
    (7, "HCNN", 0.598, 0.0022, 0.596, 0.0182),
    (7, "Sample level", 0.587, 0.0021, 0.588, 0.0020),
    (7, "Sample level SE", 0.586, 0.0010, 0.560, 0.0285),
    (10, "FCN", 0.624, 0.0137, 0.612, 0.0242),
    (10, "Musicnn", 0.589, 0.0034, 0.570, 0.0216),
    (10, "CRNN", 0.529, 0.0037, 0.539, 0.0160),
    (10, "Attention", 0.652, 0.0035, 0.623, 0.0221),
    (10, "HCNN", 0.600, 0.0152, 0.616, 0.0295),
    (10, "Sample level", 0.587, 0.0112, 0.585, 0.0213),
    (10, "Sample level SE", 0.620, 0.0064, 0.594, 0.0344),
)
"""Clusters, model, accuracy after assignment by K-Means and in brackets, by a Gaussian mixture and in brackets."""

TABLE_2 = {
    "translation": (6.9039, 0.048),
    "uniform scaling": (5.1168, 0.022),
    "non-uniform scaling": (5.0356, 0.028),
    "scaled orthogonal": (6.3111, 0.048),
    "affine": (8.7669, 0.022),
}
"""Mean squared error and nearest-neighbour accuracy by map, of the Harmonic CNN; of which change is not said."""
