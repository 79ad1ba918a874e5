"""The pure core of routing: values in, values out; no clock, no randomness, no input or output of its own."""
