"""The lowering of `seqtools.nn.forecasting`: raw history in, raw quantiles out."""
