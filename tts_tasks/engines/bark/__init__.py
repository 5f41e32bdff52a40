"""Bark: a neural voice with moods, on a GPU.

"""
