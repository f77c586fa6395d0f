"""The parts of the stand-in for GitHub; scripts/github_server.py joins them."""
