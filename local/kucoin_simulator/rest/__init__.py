"""KuCoin's REST calls: keys, market, withdrawals, deposits, ledgers."""
