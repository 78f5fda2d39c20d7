"""The rules, by symptom. Each is a plain function of what was recorded."""
