"""`python -m sparring` is `sparring`."""

from sparring.cli.main import main

if __name__ == "__main__":
    main()
