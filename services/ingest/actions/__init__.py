"""Acting back: what routing ordered is done on the platforms once, or handed to a person; every action gets an outcome.

`decision` says what to do next, `attempt` what a platform's answer means, `worker` does it; the journal in the
database is what makes it once, over crashes and replicas.
"""
