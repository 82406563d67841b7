"""The page that sums an export up."""
