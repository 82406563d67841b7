"""Token pairs kept alive: claim, ask, commit, rescue."""
