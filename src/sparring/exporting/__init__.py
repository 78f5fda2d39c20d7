"""Trained models as files for other programs: ONNX graphs that are checked, and web pages."""
