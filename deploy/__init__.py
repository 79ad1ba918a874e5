"""How Otklik is run: on one machine (`deploy.local`), in containers (`compose.yaml`), and the sample it shows."""
