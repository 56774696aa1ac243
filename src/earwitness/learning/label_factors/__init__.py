"""Label factors: what makes tags, numbers, words and artists into distributions that a network can learn.

Every function takes arrays and gives arrays. Models are fitted on training rows; other rows are folded in.
"""
