"""How good a reader is: sets of labelled comments, figures with their uncertainty, baselines, tables and plots."""
