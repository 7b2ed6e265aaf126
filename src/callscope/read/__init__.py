"""Everything that is done with the data of a trace: search, analyses, formats and the facade."""
