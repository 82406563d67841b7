"""API Gateway and Lambda's runtime."""
