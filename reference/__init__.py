"""Pages of docs/ that are written from the code: `python -m reference` (`make docs`) writes them anew."""
