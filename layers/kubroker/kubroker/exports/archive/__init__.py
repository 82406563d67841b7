"""Histories collected before KuCoin forgets them."""
