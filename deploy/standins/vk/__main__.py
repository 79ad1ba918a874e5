"""`python -m deploy.standins.vk`: the stand-in as a process of its own."""

from deploy.standins.command import command

if __name__ == "__main__":
    command("vk")(prog_name="python -m deploy.standins.vk")
