"""The classic cells: Elman's, the LSTM and the GRU."""
