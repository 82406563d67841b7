"""HTTP in and out: routes, problem answers, pages."""
