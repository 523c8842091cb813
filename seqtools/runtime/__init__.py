"""Running model files: sessions, providers, noise. numpy and onnxruntime, never torch."""
