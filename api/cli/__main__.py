"""Lets ``python -m api.cli`` be ``dustcart``."""

from api.cli import main

if __name__ == "__main__":
    main()
