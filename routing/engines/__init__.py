"""The search engines behind `solve`: each takes a draft and returns tours that it believes to be better."""
