"""The usage policy: what may be exported, by whom, and for what."""

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from l2sae.editing.edit_layers import MAX_STRENGTH
from l2sae.editing.recipe import Recipe
from l2sae.provenance.export_errors import PolicyError

DEFAULT_FILE = "policy.yaml"
ANYONE = "*"


class Policy(BaseModel):
    """The rules of exports. Frozen; unknown keys are refused; the defaults are those of the shipped ``policy.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    purposes: tuple[str, ...] = Field(default=("research", "education", "demonstration"), min_length=1, strict=False)
    consent_required: bool = False
    retention_days: Annotated[int, Field(ge=1)] = 365
    forbidden_rois: tuple[str, ...] = Field(default=(), strict=False)
    max_strength: Annotated[float, Field(ge=0, le=MAX_STRENGTH)] = MAX_STRENGTH
    unmarked_by: tuple[str, ...] = Field(default=(), strict=False, description="users; '*' is anyone")
    mark: Literal["invisible", "robust", "off"] = "invisible"
    mark_required: bool = Field(default=False, description="refuse what cannot carry the mark")
    tsa_url: str | None = Field(default=None, pattern=r"^https?://", description="authority that states the time")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.mark == "off" and self.mark_required:
            raise ValueError("mark: off and mark_required: true exclude each other")
        return self

    @property
    def digest(self) -> str:
        """sha256 of what the policy says, whatever its file looks like."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def delete_by(self, today: date) -> date:
        """The day by which a picture exported today has to be deleted."""
        return today + timedelta(days=self.retention_days)

    def check(
        self, purpose: str, consent: str | None = None, recipe: Recipe | None = None, unmarked: bool = False,
        user: str = "",
    ) -> None:  # fmt: skip
        """Refuse an export that the policy does not allow.

        Raises:
            PolicyError: the message names the key of the policy.
        """
        if purpose not in self.purposes:
            raise PolicyError(f"policy, purposes: {purpose!r} is not allowed: give one of {', '.join(self.purposes)}")
        if self.consent_required and not (consent or "").strip():
            raise PolicyError("policy, consent_required: give a reference to the consent, e.g. consent='form 17'")
        if unmarked and user not in self.unmarked_by and ANYONE not in self.unmarked_by:
            raise PolicyError(f"policy, unmarked_by: {user or 'this user'} may not export without a watermark")
        self._check_edit(recipe)

    def _check_edit(self, recipe: Recipe | None) -> None:
        if recipe is None:
            if self.forbidden_rois or self.max_strength < MAX_STRENGTH:
                raise PolicyError("policy, forbidden_rois and max_strength: cannot be checked without recipe=...")
            return
        for layer in recipe.layers:
            if refused := sorted(set(layer.rois) & set(self.forbidden_rois)):
                raise PolicyError(f"policy, forbidden_rois: edits of {', '.join(refused)} may not be exported")
            if layer.strength > self.max_strength:
                raise PolicyError(f"policy, max_strength: strength {layer.strength:g} is above {self.max_strength:g}")


def load_policy(source: "str | Path | Policy | None" = None) -> Policy:
    """Read a policy; None takes ``policy.yaml`` of the working folder, or the shipped one where there is none.

    Raises:
        PolicyError: no such file, no YAML, or keys that are unknown or wrong; the message names file and key.
    """
    if isinstance(source, Policy):
        return source
    if source is None and not Path(DEFAULT_FILE).exists():
        return Policy()
    path = Path(source or DEFAULT_FILE).expanduser()
    try:
        values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: cannot read the policy: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
    try:
        return Policy.model_validate({} if values is None else values)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
        raise PolicyError(f"{path}: {'; '.join(problems)}") from None
