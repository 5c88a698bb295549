"""From second moments to a posterior."""
