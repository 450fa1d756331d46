"""A session whose result can leave."""

from pathlib import Path
from typing import Any

from l2sae.editing import session
from l2sae.provenance.exporting import Export, export
from l2sae.provenance.policy import Policy


class EditSession(session.EditSession):
    """An edit in progress (`l2sae.editing.session.EditSession`) that can be exported."""

    def export(
        self,
        path: str | Path,
        *,
        purpose: str,
        policy: str | Path | Policy | None = None,
        metadata: str = "keep",
        **options: Any,
    ) -> Export:
        """Write the edited photo, marked, signed and logged; ``options`` are those of `l2sae.provenance.export`.

        ``metadata`` is ``keep`` for date, copyright, artist and resolution of the photo, or ``none``.
        """
        return export(path=path, purpose=purpose, policy=policy, **{**options, **self.rendering(metadata)})
