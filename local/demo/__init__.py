"""The whole product told by itself, and a broker's site to click."""
