"""What controls can be about: tables of the inventory, and views whose columns tell of several rows.

SQL would let the unknown slip where it looks at several rows: an aggregate skips NULLs, and a list that was never read
looks empty. So a derived column is NULL wherever a gap, or a NULL in one of its rows, leaves open what it would say;
and for each there is a query that finds the gaps which explain such a NULL.
"""

from __future__ import annotations

from collections.abc import Mapping

from controls.views.assets import ASSET, ASSET_DELETION
from controls.views.certificates import CERTIFICATE_LIFE
from controls.views.custodians import CUSTODIAN
from controls.views.custody import KEY_CUSTODY, KEY_RECOVERY
from controls.views.duties import KEY_DUTY
from controls.views.encryption import KEY_DEPENDENTS, RESOURCE_ENCRYPTION, SECRET_ENCRYPTION
from controls.views.exceptions import EXCEPTIONS
from controls.views.history import AUDIT_PERIOD, CHANGE, PAST_RUN
from controls.views.incidents import KEY_INCIDENT
from controls.views.period import KEY_PERIOD
from controls.views.reconciliation import RECONCILIATION
from controls.views.review import ACCESS_REVIEW
from controls.views.statements import (
    CERTIFICATE_STATEMENT,
    KEY_STATEMENT,
    KEY_STORE_STATEMENT,
    SCOPE_STATEMENT,
    TOPIC,
)
from controls.views.versions import VERSION_OF_KEY
from controls.views.view import View, of_table
from evidence.model import TABLES

_VIEWS = (
    *(of_table(name) for name in TABLES if name not in ("gap", "observation")),
    ASSET,
    ASSET_DELETION,
    KEY_DUTY,
    KEY_PERIOD,
    VERSION_OF_KEY,
    KEY_DEPENDENTS,
    KEY_CUSTODY,
    KEY_RECOVERY,
    SECRET_ENCRYPTION,
    RESOURCE_ENCRYPTION,
    CERTIFICATE_LIFE,
    KEY_STATEMENT,
    KEY_INCIDENT,
    KEY_STORE_STATEMENT,
    ACCESS_REVIEW,
    CERTIFICATE_STATEMENT,
    SCOPE_STATEMENT,
    RECONCILIATION,
    CUSTODIAN,
    TOPIC,
    PAST_RUN,
    AUDIT_PERIOD,
    CHANGE,
    EXCEPTIONS,
)

VIEWS: Mapping[str, View] = {view.name: view for view in _VIEWS}
"""Everything that a control may be `over`. Gaps and observations are not: knowing less makes more of them."""

INVENTORY = tuple(TABLES)
"""The tables that the views read."""
