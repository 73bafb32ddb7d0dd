"""`python -m genzoo` is the command line."""

from genzoo.apps.cli.root import main

if __name__ == "__main__":
    main()
