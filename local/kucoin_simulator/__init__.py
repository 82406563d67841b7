"""A KuCoin look-alike that knows only the protocol: the truth our code is tested against.

It runs as its own process (``python -m local.kucoin_simulator``), never imports the layer, and
refuses whatever KuCoin would refuse. Where KuCoin's behaviour is unknown it can be either world
(``worlds.py``); where a test needs trouble it can fail on demand (``faults.py``).
"""
