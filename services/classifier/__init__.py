"""The classifier: reads comments, judges them, publishes its judgement; knows nothing of institutions."""
