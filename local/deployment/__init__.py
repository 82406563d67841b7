"""The template read, and deployed to the stand-in."""
