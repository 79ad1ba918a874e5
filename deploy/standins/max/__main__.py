"""`python -m deploy.standins.max`: the stand-in as a process of its own."""

from deploy.standins.command import command

if __name__ == "__main__":
    command("max")(prog_name="python -m deploy.standins.max")
