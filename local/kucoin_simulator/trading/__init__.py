"""KuCoin's books of orders, spot and futures."""
