"""The table of calls as Arrow; needs the extra ``parquet``."""
