"""KuCoin's pages: login, authorization, security settings."""
