"""A user's link to a KuCoin account: item, store, key access, credentials, disconnect."""
