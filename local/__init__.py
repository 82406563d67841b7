"""Kubroker on one machine: AWS and KuCoin as stand-ins, the real template and functions."""
