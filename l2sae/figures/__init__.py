"""Everything that draws or tabulates: the paper's figures, plots, tables, the gallery and the model card."""
