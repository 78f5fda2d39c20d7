"""What happens as training goes on: logs, samples, checkpoints, scores, health, the progress bar."""
