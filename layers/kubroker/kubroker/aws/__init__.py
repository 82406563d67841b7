"""Adapters to AWS. The only place that imports boto3."""
