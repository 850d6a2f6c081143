"""`python -m kfpilot.agent.cli`: the program without its console script."""

from .app import main

main()
