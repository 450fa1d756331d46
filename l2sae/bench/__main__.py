"""``python -m l2sae.bench COMMAND``: see `l2sae.bench.commands`."""

from l2sae.bench.commands import main

main()
