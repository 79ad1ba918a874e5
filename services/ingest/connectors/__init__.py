"""Platforms, in and out: one module per platform behind one protocol (`connector.Connector`).

Decoding is pure and needs no connection; whatever asks a platform goes through `calling.Caller`, whatever a platform
refuses becomes one of the errors of `failure`.
"""
