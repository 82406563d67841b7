"""KuCoin's protocol: signing, transport, OAuth and the REST calls."""
